"""How fast the program is on this machine, as a ratio to what plain SQLite can do in the same minute."""
