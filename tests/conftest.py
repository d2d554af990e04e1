"""What is so for all tests: whatever they write is in memory where there is plenty, and the prompts are read once."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from tests.rig import remembered

MEMORY = Path("/dev/shm")
PLENTY = 3_000_000_000
"""Bytes: several times what all tests have there at once."""

if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > PLENTY:
    tempfile.tempdir = os.environ["TMPDIR"] = str(MEMORY)  # each commit waits for the disk: 4 ms, thousands of times

remembered.remember()
