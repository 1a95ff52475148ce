"""How long what has to be trusted is: the replay, counted."""

from __future__ import annotations

import ast
import io
import tokenize
from importlib.resources import files
from typing import NamedTuple

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


class Length(NamedTuple):
    """Lines in all, and lines of code: those with something other than blanks, comments and docstrings."""

    lines: int
    code: int


def length(source: str) -> Length:
    """The length of a Python source.

    >>> length('\"\"\"A file.\"\"\"\\n\\nx = 1  # one\\n')
    Length(lines=3, code=1)
    """
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = {line for t in tokens if t.type not in NOT_CODE for line in range(t.start[0], t.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            code -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return Length(len(source.splitlines()), len(code))


def replay() -> Length:
    """The length of `theory/kernel/replay.py`."""
    return length((files("concordant.theory.kernel") / "replay.py").read_text(encoding="utf-8"))
