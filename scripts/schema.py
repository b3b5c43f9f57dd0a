#!/usr/bin/env python3
"""`python scripts/schema.py > docs/run.schema.json`: the JSON Schema of run.json, from the classes written to it."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import sys
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from lakestorm.record import manifest

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Untitled(GenerateJsonSchema):
    """A schema without titles that only repeat the names of fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - as the base class has it
        """Never."""
        return False


def run_schema() -> dict[str, Any]:
    """The schema as a JSON value: types from the annotations, descriptions from the docstrings.

    Fields that are not named in it are allowed, as the reader of run.json allows them.
    """
    schema = TypeAdapter(manifest.Run).json_schema(schema_generator=Untitled)
    definitions = schema.pop("$defs")
    described = field_docstrings(inspect.getsource(manifest))
    for name, definition in {"Run": schema, **definitions}.items():
        definition["description"] = in_words_of_json(definition["description"])
        for field, text in described.get(name, {}).items():
            definition["properties"][field]["description"] = in_words_of_json(text)
    version = in_words_of_json(described[""]["FORMAT"])
    schema["properties"]["format"] = {"const": manifest.FORMAT, "description": version}
    return {"$schema": DIALECT, **schema, "$defs": definitions}


def field_docstrings(source: str) -> dict[str, dict[str, str]]:
    """{class: {field: the string below it}} of a module; its own names stand under the class ""."""
    module = ast.parse(source)
    bodies = {"": module.body} | {node.name: node.body for node in module.body if isinstance(node, ast.ClassDef)}
    return {name: dict(documented(body)) for name, body in bodies.items()}


def documented(body: list[ast.stmt]) -> list[tuple[str, str]]:
    """(name, text) of each assignment with a string directly below it."""
    return [
        (ast.unparse(target), text.value)
        for assignment, below in itertools.pairwise(body)
        for target in targets_of(assignment)
        if isinstance(below, ast.Expr)
        if isinstance(text := below.value, ast.Constant)
        if isinstance(text.value, str)
    ]


def targets_of(statement: ast.stmt) -> list[ast.expr]:
    """What a statement assigns to."""
    if isinstance(statement, ast.AnnAssign):
        return [statement.target]
    return statement.targets if isinstance(statement, ast.Assign) else []


def in_words_of_json(text: str) -> str:
    """A docstring on one line; Python's None is JSON's null."""
    words = " ".join(text.split())
    for python, of_json in (("None", "null"), ("False", "false"), ("True", "true")):
        words = words.replace(python, of_json)
    return words


def schema_text() -> str:
    """The text of docs/run.schema.json."""
    return json.dumps(run_schema(), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Print it."""
    print(schema_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
