"""Arrows point down: cli, bootstrap, web, service and export, records, then the core, then messages and errors."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent

LAYERS = [
    {"bot.__main__", "bot.cli"},
    {
        "bot.talk",
        "bot.export_cli",
        "bot.data_cli",
        "bot.people_cli",
        "bot.record_cli",
        "bot.users_cli",
        "bot.check_cli",
        "bot.sheet",
    },
    {"bot.log", "bot.terminal"},
    {"bot.bootstrap"},
    {"bot.web"},
    {"bot.service", "bot.export"},
    {"bot.mends", "bot.records"},
    {"bot.proofs"},
    {"bot.config", "bot.prompts", "bot.yaml_files", "bot.yaml_slips"},
    {"bot.interview", "bot.channel"},
    {"bot.messages"},
    {"bot.errors"},
]


def imports(file: Path) -> set[str]:
    """The modules of ours that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in {"bot", "channels"}}


def layer(module: str) -> int | None:
    for number, parts in enumerate(LAYERS):
        if any(module == part or module.startswith(part + ".") for part in parts):
            return number
    return None


def modules(package: str) -> list[tuple[str, Path]]:
    files = sorted((ROOT / package).rglob("*.py"))
    return [(".".join(file.relative_to(ROOT).with_suffix("").parts), file) for file in files]


def test_no_module_of_bot_imports_from_above_itself() -> None:
    """A lower part has never heard of a higher one."""
    upward = [
        f"{module} imports {name}"
        for module, file in modules("bot")
        for name in imports(file)
        if layer(name) is not None and (own := layer(module)) is not None and layer(name) < own  # type: ignore[operator]  # None was excluded just before
    ]
    assert upward == []


def test_channels_know_only_the_contract() -> None:
    """A channel imports from bot only channel, messages and errors, and only bootstrap opens channels."""
    allowed = ("bot.channel", "bot.messages", "bot.errors", "channels")
    strays = [
        f"{module} imports {name}"
        for module, file in modules("channels")
        for name in imports(file)
        if name != "bot" and not name.startswith(allowed)
    ]
    openers = [module for module, file in modules("bot") if any(n.startswith("channels") for n in imports(file))]
    assert strays == []
    assert [module for module in openers if module != "bot.bootstrap"] == []


def test_every_module_has_its_place() -> None:
    """A new file in bot/ is put into a layer on purpose, never by accident."""
    homeless = [module for module, _ in modules("bot") if module != "bot.__init__" and layer(module) is None]
    assert homeless == []
