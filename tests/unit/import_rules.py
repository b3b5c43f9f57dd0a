"""Which part of the code may import which, and what pure code may not touch: read from the source, nothing is run."""

from __future__ import annotations

import ast
import dataclasses
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BASE = {"settings", "errors"}
PURE = {"model", "record", "verdict"}
IO = {"clients", "probes"}
BELOW_ADAPTERS = IO | PURE | BASE
BELOW_EDGES = {"load", "report", "sandbox", "scoring", "doctor"} | BELOW_ADAPTERS
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "settings": {"errors"},
    "model": BASE,
    "record": {"model"} | BASE,
    "verdict": {"record", "model"} | BASE,
    "clients": PURE | BASE,
    "probes": {"clients"} | PURE | BASE,
    "sandbox": BELOW_ADAPTERS,
    "scoring": BELOW_ADAPTERS,
    "doctor": BELOW_ADAPTERS,
    "report": BELOW_ADAPTERS,
    "load": {"report"} | BELOW_ADAPTERS,  # a run that ends writes its own report
    "demo": BELOW_EDGES,
    "cli": {"demo"} | BELOW_EDGES,
    "locustfiles": BELOW_EDGES,
    "loadshapes": BELOW_EDGES,
    "seed": BELOW_EDGES,
    "sysload": BELOW_EDGES,
}
"""The table of architecture.md: {place: places it may import}; its own place always."""

FOLDERS = {"locustfiles", "loadshapes", "seed", "sysload"}
MAY_IMPORT_LOCUST = {"load", "locustfiles", "loadshapes"}
ENVIRONMENT_READER = "lakestorm/settings/environment.py"
NUMERIC = {"numpy", "hdrh"}
IMPURE = {
    "time", "os", "socket", "ssl", "select", "selectors", "asyncio", "threading", "multiprocessing", "concurrent",
    "subprocess", "signal", "secrets", "uuid", "urllib", "http", "ftplib", "smtplib", "socketserver", "tempfile",
    "platform", "getpass", "locale", "sched", "importlib", "runpy", "atexit", "pwd", "resource",
}  # fmt: skip
"""Modules of the standard library that pure code does not touch: clock, environment, network, processes."""
MOMENTS = {"now", "utcnow", "today"}
SEEDED = {"Random", "default_rng", "Generator", "SeedSequence", "PCG64"}
"""Names in `random` and `numpy.random` that take a seed; all others share a stream of their own."""


@dataclasses.dataclass(frozen=True)
class Import:
    """A module that a file names.

    Args:
        module: with all its parts.
        line: where.
        at_runtime: False below `if TYPE_CHECKING:`.
    """

    module: str
    line: int
    at_runtime: bool


def sources(root: Path) -> dict[str, str]:
    """{path from the root: text} of every file that the table speaks of."""
    files = [path for folder in ("lakestorm", *sorted(FOLDERS)) for path in sorted((root / folder).rglob("*.py"))]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in files}


def place_of(path: str) -> str:
    """The place of the table that a file belongs to; empty for the package itself, whose file holds nothing."""
    top, _, rest = path.partition("/")
    if top != "lakestorm":
        return top
    return rest.partition("/")[0].removesuffix(".py").removesuffix("__init__")


def place_of_module(module: str) -> str | None:
    """The place that a module belongs to; None if it is not ours."""
    parts = module.split(".")
    if parts[0] in FOLDERS:
        return parts[0]
    return (parts[1] if len(parts) > 1 else "") if parts[0] == "lakestorm" else None


def imports_of(path: str, text: str) -> Iterator[Import]:
    """Everything that a file imports, by statement or by name; of `from a import b` both a and a.b."""
    tree = ast.parse(text)
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for outer in node.body
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        for module in modules_of(node, path):
            yield Import(module, getattr(node, "lineno", 0), id(node) not in for_types)


def modules_of(node: ast.AST, path: str) -> list[str]:
    """The modules that one node of the syntax tree imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        folder = path.removesuffix(".py").split("/")[: -node.level] if node.level else []
        module = ".".join([*folder, node.module] if node.module else folder)
        return [module, *(f"{module}.{alias.name}" for alias in node.names)]
    if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("import_module", "__import__"):
        return [str(word.value) for word in node.args if isinstance(word, ast.Constant)]
    return []


def breaches(path: str, text: str) -> list[str]:
    """A sentence for each rule that a file breaks."""
    place = place_of(path)
    if place and place not in MAY_IMPORT:
        return [f"{path} is in no row of the table: add {place} to it, here and in docs/architecture.md"]
    found = list(imports_of(path, text))
    sentences = [*table_breaches(path, place, found), *environment_breaches(path, text)]
    if place in PURE:
        sentences += purity_breaches(path, text, found)
    return list(dict.fromkeys(sentences))


def table_breaches(path: str, place: str, found: list[Import]) -> Iterator[str]:
    """Imports that go up or sideways, and Locust where it must not be."""
    allowed = MAY_IMPORT.get(place, set()) | {place, ""}
    for imported in found:
        target = place_of_module(imported.module)
        if target is not None and target not in allowed and target in MAY_IMPORT:
            yield f"{path}:{imported.line}: {place} may not import {target}"
        if imported.module.split(".")[0] == "locust" and place not in MAY_IMPORT_LOCUST:
            yield f"{path}:{imported.line}: {place} may not import locust"


def environment_breaches(path: str, text: str) -> Iterator[str]:
    """Reads of the environment outside the settings."""
    for node in ast.walk(ast.parse(text)):
        name = node.attr if isinstance(node, ast.Attribute) else node.name if isinstance(node, ast.alias) else ""
        if name in ("environ", "environb", "getenv", "putenv", "unsetenv") and path != ENVIRONMENT_READER:
            yield f"{path}:{getattr(node, 'lineno', 0)}: only {ENVIRONMENT_READER} reads the environment"


def purity_breaches(path: str, text: str, found: list[Import]) -> Iterator[str]:
    """Clock, environment, network, processes, third parties, and randomness without a seed, in pure code."""
    for imported in found:
        top = imported.module.split(".")[0]
        is_foreign = top not in sys.stdlib_module_names and top not in NUMERIC and place_of_module(top) is None
        if imported.at_runtime and (top in IMPURE or is_foreign):
            yield f"{path}:{imported.line}: pure code may not import {top}"
        of_stream, _, name = imported.module.rpartition(".")
        if imported.at_runtime and of_stream in ("random", "numpy.random") and name not in SEEDED:
            yield f"{path}:{imported.line}: pure code may not use {imported.module}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and (reason := unseeded(node)):
            yield f"{path}:{node.lineno}: pure code may not use {reason}"


def unseeded(call: ast.Call) -> str:
    """What a call draws on that is not among its arguments; empty if nothing."""
    name = ast.unparse(call.func)
    owner, _, last = name.rpartition(".")
    if last in MOMENTS and owner.rpartition(".")[2] in ("datetime", "date"):
        return f"{name}: the clock"
    if owner in ("random", "np.random", "numpy.random") and last not in SEEDED:
        return f"{name}: a stream that all share"
    if last in ("Random", "default_rng", "SeedSequence", "PCG64") and not call.args and not call.keywords:
        return f"{name} without a seed"
    return f"{name}: it differs from process to process" if name == "hash" else ""
