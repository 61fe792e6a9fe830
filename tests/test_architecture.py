"""The shape of the package: who imports whom, who touches the world, and that every module says what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "newsletter"

#: The packages in reading order: each imports only what stands above it.  The package itself is the last, because
#: `import newsletter` gives the Python API.
ORDER = [
    "errors",
    "toml_lines",
    "config",
    "env",
    "articles",
    "issues",
    "store",
    "subscribers",
    "render",
    "checks",
    "sending",
    "bounces",
    "reports",
    "reader",
    "variant",
    "checking",
    "drafting",
    "publication",
    "workshop",
    "dispatch",
    "web",
    "sample",
    "cli",
    "__main__",
]

#: The modules that touch the world, and what of it.  All others take values and return values.
EDGES = {
    "config": {"disk"},
    "env": {"disk"},
    "articles.wire": {"network", "clock"},
    "articles.fetch": {"disk", "network"},
    "articles.folder": {"disk"},
    "articles.local_pictures": {"disk"},
    "articles.source": {"disk"},
    "issues.built": {"disk"},
    "issues.ids": {"disk"},
    "issues.folder": {"disk"},
    "issues.media": {"disk"},
    "store.glance": {"disk"},
    "store.database": {"disk", "clock", "randomness"},
    "store.migrations": {"disk"},
    "subscribers.suppression": {"randomness"},
    "subscribers.subscriber_list": {"clock"},
    "subscribers.table_file": {"disk"},
    "subscribers.imports": {"disk"},
    "subscribers.exports": {"disk"},
    "render.theme": {"disk"},
    "render.mjml_schema": {"disk"},  # a file of the package
    "render.images": {"disk"},
    "sending.carrier": {"clock", "network"},
    "sending.connections": {"network"},
    "sending.dialogue": {"network"},
    "sending.dkim_keys": {"disk"},
    "sending.smtp": {"disk", "network"},
    "sending.outbox": {"clock", "disk", "randomness"},
    "checks.caniemail": {"disk"},  # a file of the package
    "checks.refresh": {"disk"},
    "checks.spam": {"disk"},
    "sending.lease": {"clock", "disk", "network", "randomness"},
    "sending.ledger": {"clock"},
    "sending.outbox_carrier": {"clock", "disk"},
    "sending.witness": {"disk"},
    "workshop": {"disk"},
    "dispatch": {"clock", "disk", "randomness"},
    "variant": {"disk"},
    "checking": {"disk"},
    "drafting": {"disk"},
    "publication": {"disk", "clock"},
    "web.desk": {"clock", "disk"},
    "web.live": {"disk", "network"},
    "web.preview": {"disk", "network", "randomness"},
    "web.shots": {"disk"},
    "web.visual": {"disk"},
    "sample": {"disk"},
}
#: Modules and names by which a module touches the world.
EFFECTS = {
    "clock": "time sched datetime.datetime.now datetime.datetime.today datetime.datetime.utcnow datetime.date.today "
    "email.utils.localtime email.utils.formatdate",
    "randomness": "random secrets uuid os.urandom email.utils.make_msgid builtins.hash",
    "network": "socket ssl select selectors asyncio http smtplib ftplib imaplib poplib socketserver requests httpx "
    "urllib.request urllib3 webbrowser",
    "disk": "os shutil tempfile glob fileinput io.open mmap sqlite3 dbm subprocess pathlib.Path importlib.resources "
    "pkgutil builtins.open builtins.input",
}
#: What stands in those modules and touches nothing.
HARMLESS = {"time.struct_time"}
BAD_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "manager",
    "handler",
    "data",
    "info",
    "process",
    "misc",
    "common",
}
LONGEST = 450


def name_of(path: Path) -> str:
    """`render.build` for newsletter/render/build.py; a package has the name of its folder, the whole one none."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in MODULES.items()}


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and full name of everything that `tree` imports, wherever in it: at the top, in functions, for types."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import hides where it leads"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def ours(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and name of the modules of the package that `tree` imports."""
    for line, full in imports(tree):
        first, *rest = full.split(".")
        if first == "newsletter":
            while ".".join(rest) not in MODULES:
                rest.pop()
            yield line, ".".join(rest)


def package(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_a_package_imports_only_what_stands_above_it(name: str) -> None:
    rank = ORDER.index(package(name))
    wrong = [
        f"{MODULES[name]}:{line} imports {other}"
        for line, other in ours(TREES[name])
        if other and ORDER.index(package(other)) > rank
    ]
    assert not wrong


def test_the_whole_package_gives_the_python_api_and_nothing_else() -> None:
    assert {other for _, other in ours(TREES[""])} <= {"publication"}


def test_no_two_modules_import_each_other_not_even_by_a_detour() -> None:
    graph = {
        name: {other for _, other in ours(tree) if other != name} for name, tree in TREES.items() if name
    }
    done: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for other in sorted(graph.get(name, ())):
                walk(other, (*way, name))
            done.add(name)

    for name in graph:
        walk(name, ())


def effects(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Line, kind and name of everything in `tree` that touches the world."""
    known = {entry: kind for kind, entries in EFFECTS.items() for entry in entries.split()}
    names = {name: f"builtins.{name}" for name in ("open", "input", "hash")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                alias.asname or package(alias.name): alias.name if alias.asname else package(alias.name)
                for alias in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}

    def dotted(node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return names.get(node.id, "")
        return (
            f"{owner}.{node.attr}"
            if isinstance(node, ast.Attribute) and (owner := dotted(node.value))
            else ""
        )

    calls = ((node.lineno, dotted(node.func)) for node in ast.walk(tree) if isinstance(node, ast.Call))
    attributes = ((node.lineno, dotted(node)) for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    for line, full in (*imports(tree), *calls, *attributes):
        for entry, kind in known.items():
            if (full == entry or full.startswith(f"{entry}.")) and full not in HARMLESS:
                yield line, kind, full


@pytest.mark.parametrize("name", [name for name in MODULES if package(name) != "cli"])
def test_a_module_touches_no_more_of_the_world_than_it_says(name: str) -> None:
    wrong = [
        f"{MODULES[name]}:{line} {full} ({kind})"
        for line, kind, full in effects(TREES[name])
        if kind not in EDGES.get(name, set())
    ]
    assert not wrong


def test_no_module_is_named_as_an_edge_that_is_none() -> None:
    touched = {name: {kind for _, kind, _ in effects(TREES[name])} for name in EDGES}
    assert touched == EDGES


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import os", {"disk"}),
        ("import os.path as p", {"disk"}),
        ("def f():\n    import socket", {"network"}),
        ("from time import monotonic", {"clock"}),
        ("from time import struct_time", set()),
        ("import timeit", set()),
        ("from datetime import datetime\nx = datetime.now()", {"clock"}),
        ("from datetime import date as d\nx = d.today", {"clock"}),
        ("import datetime as t\nx = t.datetime.now(t.UTC)", {"clock"}),
        ("from datetime import date\nx = date.fromisoformat('2026-01-01')", set()),
        ("from pathlib import Path", {"disk"}),
        ("from pathlib import PurePosixPath", set()),
        ("import pathlib\nx = pathlib.Path('.')", {"disk"}),
        ("x = open('y')", {"disk"}),
        ("x = opener('y')", set()),
        ("from uuid import uuid4", {"randomness"}),
        ("x = hash('a')", {"randomness"}),
        ("from urllib.parse import quote", set()),
        ("from urllib.request import urlopen", {"network"}),
        ("from email.utils import make_msgid, parseaddr", {"randomness"}),
    ],
)
def test_an_effect_is_seen_in_whatever_form_it_is_written(source: str, found: set[str]) -> None:
    assert {kind for _, kind, _ in effects(ast.parse(source))} == found


def test_an_import_is_seen_wherever_it_stands() -> None:
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from newsletter.render.build import Email\ndef f():\n    import newsletter.errors\n"
    assert list(ours(ast.parse(source))) == [(3, "render.build"), (5, "errors")]


@pytest.mark.parametrize("name", [name for name, tree in TREES.items() if tree.body])
def test_a_module_and_everything_public_in_it_say_what_they_are_for(name: str) -> None:
    assert ast.get_docstring(TREES[name]), f"{MODULES[name]} has no docstring"
    wrong = [
        f"{MODULES[name]}:{node.lineno} {node.name}"
        for node in public(TREES[name])
        if not ast.get_docstring(node)
    ]
    assert not wrong


def public(
    tree: ast.Module | ast.ClassDef,
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """The public classes and functions of a module, and the public methods of its public classes.

    A method that a base class from elsewhere asks for is described there.
    """
    for node in tree.body:
        if isinstance(
            node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef) and not any(
                "Protocol" in ast.unparse(base) for base in node.bases
            ):
                yield from (child for child in public(node) if not isinstance(child, ast.ClassDef))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_no_longer_than_a_reader_can_hold(name: str) -> None:
    lines = MODULES[name].read_text("utf-8").count("\n")
    assert lines <= LONGEST, "a module this long has found a second noun"


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_a_module_is_named_after_what_it_is(name: str) -> None:
    assert name.rpartition(".")[2] not in BAD_NAMES
    assert package(name) in ORDER
