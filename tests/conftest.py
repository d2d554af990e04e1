"""What is so for all tests."""

from __future__ import annotations

from tests.rig import remembered

remembered.remember()
