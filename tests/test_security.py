"""SECURITY.md names a test for each threat; each is there."""

from __future__ import annotations

import re

from tests.rig import ROOT

NAMED = re.compile(r"(tests/\S+\.py)::(test_\w+)")


def test_each_test_that_security_md_names_is_there() -> None:
    rows = [row for row in (ROOT / "SECURITY.md").read_text().splitlines() if row.startswith("| ")][1:]
    named = [NAMED.findall(row) for row in rows]
    assert len(rows) > 20
    assert [row for row, tests in zip(rows, named, strict=True) if not tests] == []
    missing = [
        f"{file}::{test}"
        for tests in named
        for file, test in tests
        if not re.search(rf"def {test}\(", (ROOT / file).read_text())
    ]
    assert missing == []
