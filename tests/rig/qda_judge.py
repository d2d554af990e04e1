"""Reads a .qdpx with qdapy, which is not ours, and prints what it found as JSON. Run as: qda_judge FOLDER FILE.

Only its reader is loaded: the rest of that package is statistics, and needs much more.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys


def main(folder: str, file: str) -> None:
    sys.path.insert(0, folder)
    package = f"{folder}/qdapy"
    spec = importlib.util.spec_from_file_location(
        "qdapy", f"{package}/__init__.py", submodule_search_locations=[package]
    )
    assert spec is not None
    sys.modules["qdapy"] = importlib.util.module_from_spec(spec)
    project = importlib.import_module("qdapy.qdpx").read_qdpx(file, warn=False)
    fragments = project.fragments[["title", "code", "text", "positionStart", "positionEnd"]]
    found = {
        "fragments": json.loads(fragments.to_json(orient="values", force_ascii=False)),
        "codes": list(project.codebook["code"]),
        "sources": project.sources,
        "passed over": project.skipped,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
