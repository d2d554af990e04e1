"""Prism as a proxy that holds every request and answer against Twilio's own OpenAPI documents.

Prism is the npm package @stoplight/prism-cli; the documents come with @twilio/cli-core. They are made stricter in one
way: a form field that they do not name is a violation. (Prism reads only the fields that a schema names at its top, so
the schema moves one step down.) They are mended in one way: they say that the page links of a list are whole
addresses, and Twilio's are paths.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig import ROOT, free_port, unavailable
from tests.rig.twilio_emulator import NODE

PRISM = ROOT / ".rig/node_modules/@stoplight/prism-cli/dist/index.js"
DOCUMENTS = ROOT / ".rig/node_modules/@twilio/cli-core/src/services/twilio-api"

_VIOLATION = re.compile(r"error +Violation: (.+)")


@dataclass
class Prism:
    """A running proxy: use its `url` in place of Twilio's."""

    url: str
    log: Path

    def violations(self) -> list[str]:
        """What broke the documents so far: where, and how."""
        return _VIOLATION.findall(self.log.read_text())


@contextmanager
def prism(upstream: str) -> Iterator[Prism]:
    """Start the proxy in front of a Twilio, and end it."""
    if not (NODE.exists() and PRISM.exists() and DOCUMENTS.exists()):
        unavailable("Prism and Twilio's OpenAPI documents (scripts/rig installs them)")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        document, log = Path(folder) / "twilio.json", Path(folder) / "log"
        document.write_text(json.dumps(_document()))
        command = [str(NODE), str(PRISM), "proxy", "--port", str(port), str(document), upstream]
        with log.open("w") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait(process, log)
            yield Prism(f"http://127.0.0.1:{port}", log)
        finally:
            process.terminate()
            process.wait(10)


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"Prism ended with {process.returncode}: {log.read_text()[:500]}")
        if "Prism is listening" in log.read_text():
            return
        time.sleep(0.05)
    raise RuntimeError("Prism did not start")


def _document() -> dict[str, Any]:
    """One document of the two APIs that are used; the second is served under /messaging, as the emulator does."""
    api, messaging = _read("twilio_api_v2010"), _read("twilio_messaging_v1")
    paths = {path: of for path, of in api["paths"].items() if "/Messages" in path}
    paths |= {f"/messaging{path}": of for path, of in messaging["paths"].items() if path.startswith("/v1/Services")}
    for of in paths.values():
        of.pop("servers", None)
    components = {part: {**named, **api["components"].get(part, {})} for part, named in messaging["components"].items()}
    document = {**api, "paths": paths, "components": components}
    _make_strict(document)
    return document


def _read(name: str) -> Any:
    return json.loads((DOCUMENTS / f"{name}.json").read_text())


def _make_strict(part: Any) -> None:
    if isinstance(part, dict):
        form = part.get("application/x-www-form-urlencoded")
        if form:
            form["schema"] = {"anyOf": [form["schema"] | {"additionalProperties": False}]}
        for name, inner in part.items():
            if (name == "uri" or name.endswith("_page_uri")) and isinstance(inner, dict):
                inner.pop("format", None)
            _make_strict(inner)
    elif isinstance(part, list):
        for inner in part:
            _make_strict(inner)
