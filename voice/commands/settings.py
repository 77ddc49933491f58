"""``voice config``: the effective settings as commented TOML."""

import ast
import inspect
import json
import textwrap
from itertools import pairwise
from typing import Literal, get_args, get_origin

import typer

from voice.commands.common import settings
from voice.core.config import Config, Section


def config(context: typer.Context) -> None:
    """Print the effective settings as TOML, each with what it means; redirect it to a file to start your own."""
    typer.echo(render(settings(context)), nl=False)


def render(values: Config) -> str:
    """``values`` as TOML with the docstrings of their sections as comments; reading it back gives them again."""
    parts = ["# Settings of voice: the command line's --set goes before a file, a file before the defaults.\n"]
    for name in Config.__struct_fields__:
        section = getattr(values, name)
        parts.append(f"\n{_comment(inspect.getdoc(type(section)) or '')}[{name}]\n{_keys(section)}")
    return "".join(parts)


def _keys(section: Section) -> str:
    notes = _attribute_docs(type(section))
    lines = []
    for key in section.__struct_fields__:
        kind: object = type(section).__annotations__[key]
        choices = f"One of {', '.join(get_args(kind))}." if get_origin(kind) is Literal else ""
        lines.append(_comment(" ".join(filter(None, (notes.get(key, ""), choices)))))
        value = getattr(section, key)
        lines.append(f"# {key} = (not set)\n" if value is None else f"{key} = {_literal(value)}\n")
    return "".join(lines)


def _attribute_docs(section: type[Section]) -> dict[str, str]:
    """The string after each attribute in the class body (PEP 257, attribute docstrings)."""
    module = inspect.getmodule(section)
    tree = ast.parse(inspect.getsource(module)) if module is not None else ast.Module([], [])
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == section.__name__)
    docs: dict[str, str] = {}
    for attribute, after in pairwise(body):
        if not (isinstance(attribute, ast.AnnAssign) and isinstance(attribute.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            docs[attribute.target.id] = after.value.value.replace("``", "")
    return docs


def _comment(text: str) -> str:
    lines = textwrap.wrap(" ".join(text.split()), width=110)
    return "".join(f"# {line}\n" for line in lines)


def _literal(value: object) -> str:
    """A TOML value. JSON's strings, numbers, booleans and flat arrays are TOML's, but for the control character DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
