"""Telegram. What is here is imported only where it is in use: Telegram's library takes a third of a second."""
