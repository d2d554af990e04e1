"""`python -m bot` is `ownpace`."""

from bot.cli import main

main()
