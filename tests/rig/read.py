"""Importing this reads the prompts, and remembers them for whatever is forked from here."""

from __future__ import annotations

from tests.rig import remembered

remembered.remember()
remembered.read()
