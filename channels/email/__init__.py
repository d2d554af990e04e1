"""Email. The channel is imported only where it is in use."""
