"""The house stays as design says: floors, doors, sizes, names. Read from syntax trees, nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "erp_telemetry"
FLOORS = (
    ("errors",),
    ("window", "schema", "redactions", "bands", "quantities"),
    ("catalog", "objectives", "slices", "workspace_queries"),
    ("sources", "store", "analyses", "testing"),
    ("pulls", "measures", "quality", "logs", "evidence", "incidents"),
    ("scorecards", "states", "contexts"),
    ("explanations",),
    ("views",),
    ("__init__",),
    ("cli",),
)
# the rooms that may look into a neighbour's: a batch carries statements of the catalog, which finds queries/
NEIGHBOURS = {("slices", "catalog"), ("workspace_queries", "catalog")}
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "core", "manager", "misc"}
FILES = sorted(file for file in HOUSE.rglob("*.py") if not {"samples", "queries"} & set(file.relative_to(HOUSE).parts))
TREES = {file: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}


def each_file() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(HOUSE).as_posix())


def module(file: Path) -> str:
    parts = file.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def floor(name: str) -> int:
    found = [number for number, rooms in enumerate(FLOORS) if room(name) in rooms]
    assert found, f"{name} stands on no floor: add it to design section 3 and to FLOORS"
    return found[0]


def imports(file: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Every imported module with its statement, typing imports and those inside functions too."""
    known = {module(other) for other in FILES}
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            base = node.module or ""
            for alias in node.names:
                deeper = f"{base}.{alias.name}"
                yield (deeper if deeper in known else base), node


def inside(file: Path) -> list[tuple[str, ast.stmt]]:
    return [(name, node) for name, node in imports(file) if name.split(".")[0] == "erp_telemetry"]


@each_file()
def test_imports_run_down_the_floors(file: Path) -> None:
    here = module(file)
    if here == "erp_telemetry":
        return  # the face names everything, and loads it when it is used
    for name, node in inside(file):
        if room(here) == room(name):
            continue
        is_lower = floor(name) < floor(here)
        is_named = (room(here), room(name)) in NEIGHBOURS
        assert is_lower or is_named, f"{file}:{node.lineno}: {here} may not import {name}"


@each_file()
def test_the_shell_imports_the_face_only(file: Path) -> None:
    if room(module(file)) != "cli":
        return
    for name, node in inside(file):
        is_face = name in ("erp_telemetry", "erp_telemetry.testing")
        assert is_face or room(name) == "cli", f"{file}:{node.lineno}: ask the face, not {name}"


def test_the_face_defines_no_noun_or_verb() -> None:
    tree = TREES[HOUSE / "__init__.py"]
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert all(name.startswith("_") for name in defined)


def test_no_circles() -> None:
    arrows = {module(file): {name for name, _ in inside(file)} - {module(file)} for file in FILES}
    arrows.pop("erp_telemetry")
    # a package and its own members: the package names them, they must not name it
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' -> '.join((*path[path.index(name):], name))}"
        if name in done:
            return
        for other in sorted(arrows.get(name, ())):
            walk(other, (*path, name))
        done.add(name)

    for name in sorted(arrows):
        walk(name, ())


def _door(top: str, here: str) -> bool:
    """Whether a third party may be imported from a module."""
    where = room(here)
    match top:
        case "duckdb":
            return where in ("store", "catalog", "sources", "testing")
        case "duckdb_kql" | "cryptography":
            return where == "testing"
        case "altair" | "jinja2" | "vl_convert":
            return where == "views"
        case "sklearn" | "scipy" | "torch":
            return where == "analyses"
        case "azure":
            return here.startswith("erp_telemetry.sources.azure_")
        case "typer" | "rich":
            return where == "cli"
    return True


@each_file()
def test_third_parties_stay_at_the_door(file: Path) -> None:
    for name, node in imports(file):
        assert _door(name.split(".")[0], module(file)), f"{file}:{node.lineno}: {name} has no business here"


@each_file()
def test_azure_is_imported_only_where_it_is_used(file: Path) -> None:
    for node in TREES[file].body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not any(name.split(".")[0] == "azure" for name in names), f"{file}:{node.lineno}"


@each_file()
def test_files_are_short(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").count("\n")
    assert lines < 300, f"{file} has {lines} lines: make it a family"


@each_file()
def test_functions_are_short(file: Path) -> None:
    for node in ast.walk(TREES[file]):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body
        if ast.get_docstring(node) is not None and len(body) > 1:
            body = body[1:]
        length = (node.end_lineno or 0) - body[0].lineno + 1
        assert length < 40, f"{file}:{node.lineno}: {node.name} has {length} lines"


@each_file()
def test_names_say_what_it_is(file: Path) -> None:
    parts = set(file.relative_to(HOUSE).with_suffix("").parts)
    assert not parts & FORBIDDEN_NAMES, f"{file}: name it for what it yields"


@each_file()
def test_no_broad_except(file: Path) -> None:
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else ""
            assert caught not in ("", "Exception", "BaseException"), f"{file}:{node.lineno}: catch what you can act on"


@each_file()
def test_the_library_never_prints(file: Path) -> None:
    if room(module(file)) == "cli":
        return
    for node in ast.walk(TREES[file]):
        is_print = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        assert not is_print, f"{file}:{node.lineno}: a library does not print"
