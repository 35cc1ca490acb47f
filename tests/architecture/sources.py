"""What the checks of this folder ask about a Python file, read from its syntax tree once."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path


@dataclass
class Source:
    """A file without its tree, which takes a hundred times the memory."""

    has_docstring: bool
    code_lines: list[int]  # without blank lines, comments and docstrings
    classes: list[str] = field(default_factory=list)
    functions: list[tuple[str, int, int]] = field(default_factory=list)  # name, first line, last line
    variables: list[tuple[int, str]] = field(default_factory=list)  # line, name; parameters too


@cache
def source_of(path: Path) -> Source:
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> Source:
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    source = Source(bool(ast.get_docstring(tree)), _code_lines(text, nodes))
    for node in nodes:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                source.variables.append((node.lineno, node.id))
        elif isinstance(node, ast.arg):
            source.variables.append((node.lineno, node.arg))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            source.functions.append((node.name, node.lineno, node.end_lineno or node.lineno))
        elif isinstance(node, ast.ClassDef):
            source.classes.append(node.name)
    return source


def _code_lines(text: str, nodes: list[ast.AST]) -> list[int]:
    stripped = map(str.strip, text.splitlines())
    lines = {number for number, line in enumerate(stripped, 1) if line and not line.startswith("#")}
    docstrings: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.Constant | ast.JoinedStr):
            lines.update(_lines(node))  # inside a string, a line that looks empty is code
        elif isinstance(node, ast.Expr) and _is_text(node.value):
            docstrings.update(_lines(node))
    return sorted(lines - docstrings)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _lines(node: ast.Constant | ast.JoinedStr | ast.Expr) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)
