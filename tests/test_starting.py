"""What is loaded when the service starts: nothing that it may never need."""

from __future__ import annotations

import subprocess
import sys

from tests.rig import ROOT

HEAVY = (
    *("alembic", "aiohttp", "telegram", "httpx", "twilio.rest", "aioimaplib", "lxml", "docx", "openpyxl", "pandas"),
    *("pyarrow", "psycopg", "icalendar", "holidays"),
)
"""Together they take longer than everything else."""


def test_the_service_loads_no_library_of_a_provider_or_a_file_format_before_it_is_in_use() -> None:
    asked = f"import sys, bot.cli, bot.web.app, bot.web.serve; print(*[m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
