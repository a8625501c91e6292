"""Who may import whom: the table of docs/architecture.md, kept over every module of ours."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED: dict[str, set[str]] = {
    "core": set(),
    "knowledge": {"core"},
    "enrollment": {"core"},
    "conversations": {"core"},
    "escalation": {"conversations", "core"},
    "staff": {"conversations", "core"},
    "hotline": {"staff", "conversations", "core"},
    "retrieval": {"knowledge", "core"},
    "bot": set(),
    "bot.components": set(),
}
ALLOWED["bot.actions"] = {*ALLOWED} - {"bot"}
ALLOWED["channels"] = {*ALLOWED} - {"bot"}
ALLOWED["evaluation"] = {*ALLOWED} - {"bot"}
ALLOWED["cli"] = {*ALLOWED} - {"bot"}
EXPLICIT = {
    "core",
    "knowledge",
    "enrollment",
    "conversations",
    "escalation",
    "staff",
    "hotline",
    "retrieval",
    "bot.components",
}
PACKAGES = sorted(ALLOWED)
_ROW = re.compile(r"^\| `([\w.]+)` \|.*\| ([^|]+) \|$", re.MULTILINE)


def package_of(module: str) -> str | None:
    """Return the package of ours that a module belongs to, the longest that fits."""
    return max((p for p in PACKAGES if module == p or module.startswith(p + ".")), key=len, default=None)


def modules_of(package: str) -> list[Path]:
    files = sorted((ROOT / package.replace(".", "/")).rglob("*.py"))
    return [f for f in files if package_of(".".join(f.relative_to(ROOT).with_suffix("").parts)) == package]


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and full name of every module that the file imports, inside functions, too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides where it leads"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def edges_of(package: str) -> Iterator[tuple[str, str]]:
    """Yield where and which other package of ours the modules of a package import."""
    for path in modules_of(package):
        for line, name in imports_of(path):
            other = package_of(name)
            if other not in (None, package):
                yield f"{path.relative_to(ROOT)}:{line}", str(other)


@pytest.mark.parametrize("package", PACKAGES)
def test_package_imports_only_what_the_table_allows(package: str) -> None:
    assert modules_of(package)
    assert [(where, other) for where, other in edges_of(package) if other not in ALLOWED[package]] == []


def test_every_folder_of_code_is_in_the_table() -> None:
    folders = {p.parent.relative_to(ROOT).parts[0] for p in ROOT.glob("*/*.py")} - {"tests", "scripts", "node_modules"}
    assert folders <= {package.split(".")[0] for package in PACKAGES}


def test_no_product_code_imports_its_tests() -> None:
    found = [(str(p), n) for package in PACKAGES for p in modules_of(package) for _, n in imports_of(p)]
    assert [(path, name) for path, name in found if name.split(".")[0] in ("tests", "pytest", "hypothesis")] == []


def test_packages_import_each_other_without_cycles() -> None:
    order = TopologicalSorter(
        {package: {other for _, other in edges_of(package)} for package in PACKAGES}
    ).static_order()
    assert set(order) == set(PACKAGES)


def test_architecture_page_tells_the_same_table() -> None:
    page = dict(_ROW.findall((ROOT / "docs/architecture.md").read_text(encoding="utf-8")))
    assert set(page) == set(PACKAGES) - {"bot"}
    told = {package: set(re.findall(r"[a-z.]+", page[package])) for package in EXPLICIT - {"bot.components"}}
    assert told == {package: ALLOWED[package] for package in told}
    assert page["bot.components"] == "nothing of ours"


@pytest.mark.parametrize("path", modules_of("bot.components"), ids=lambda path: path.name)
def test_components_are_written_for_python_310(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))
