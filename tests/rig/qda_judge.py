"""Reads a .qdpx with two programs that are not ours, and prints what each found as JSON. Run as: qda_judge FOLDER FILE.

Of qdapy only its reader is loaded: the rest of that package is statistics, and needs much more. pyrefiqda puts every
element into a class made from the public schema, and refuses what does not fit.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


def main(folder: str, file: str) -> None:
    sys.path.insert(0, folder)
    print(json.dumps({**fragments(folder, file), "typed": list(typed(file))}))


def fragments(folder: str, file: str) -> dict[str, Any]:
    """What qdapy finds."""
    package = f"{folder}/qdapy"
    spec = importlib.util.spec_from_file_location(
        "qdapy", f"{package}/__init__.py", submodule_search_locations=[package]
    )
    assert spec is not None
    sys.modules["qdapy"] = importlib.util.module_from_spec(spec)
    project = importlib.import_module("qdapy.qdpx").read_qdpx(file, warn=False)
    found = project.fragments[["title", "code", "text", "positionStart", "positionEnd"]]
    return {
        "fragments": json.loads(found.to_json(orient="values", force_ascii=False)),
        "codes": list(project.codebook["code"]),
        "sources": project.sources,
        "passed over": project.skipped,
    }


def typed(file: str) -> Iterator[tuple[str, str, str]]:
    """What pyrefiqda finds coded: source, code, and the words there."""
    reader = importlib.import_module("pyrefiqda.refiproject").RefiProject
    with TemporaryDirectory() as place:
        project = reader.load(file, place)
        names = {code.guid: code.name for code in _every(project.code_book.codes.code)}
        for source in project.sources.text_source if project.sources else ():
            path = Path(place, "Sources", source.plain_text_path.removeprefix("internal://"))
            text = path.read_bytes().decode()
            for selection in source.plain_text_selection:
                for coding in selection.coding:
                    words = text[selection.start_position : selection.end_position]
                    yield source.name, names[coding.code_ref.target_guid], words


def _every(codes: list[Any]) -> Iterator[Any]:
    for code in codes:
        yield code
        yield from _every(code.code)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
