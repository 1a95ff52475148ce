"""The tables of the Rosetta page, from the data in `concordant.impl.conventions` and `concordant.impl.symbols`.

Plain functions from data to HTML; `python -m concordant.proofs_tests.rosetta` writes them into docs/rosetta.md, and a test
keeps the page fresh.  The formula of each row is the one that the tests evaluate.
"""

from __future__ import annotations

import ast
import html
import math
import re
from collections.abc import Mapping
from pathlib import Path

from concordant.impl.conventions import CONVENTIONS, Convention
from concordant.impl.symbols import SYMBOLS
from concordant.theory import registry

PAGE = Path(__file__).resolve().parents[1] / "docs" / "rosetta.md"
_TEX = {
    "alpha": r"\alpha", "sigma": r"\sigma", "eps": r"\varepsilon", "mu": r"\mu", "pi": r"\pi", "sigma_min": r"\sigma_{\min}",
    "alpha_dot": r"\dot\alpha", "sigma_dot": r"\dot\sigma",
}  # fmt: skip


def value(there: Convention, symbols: Mapping[str, float]) -> float:
    """The clean data by the formula that is shown."""
    return float(eval(there.recover, {"sqrt": math.sqrt, "pi": math.pi, **symbols}))


def tex(formula: str) -> str:
    """A formula of Python as TeX, in the order in which it is written.

    >>> tex("(x - sigma*eps)/alpha")
    '\\\\dfrac{x - \\\\sigma \\\\varepsilon}{\\\\alpha}'
    >>> tex("alpha*x + 2*sigma*u/pi")
    '\\\\alpha x + \\\\dfrac{2 \\\\sigma u}{\\\\pi}'
    """
    return _tex(ast.parse(formula, mode="eval").body)


def _tex(node: ast.expr, tight: bool = False) -> str:
    match node:
        case ast.Name(id=name):
            return _TEX.get(name, name)
        case ast.Constant(value=number):
            return str(number)
        case ast.Call(func=ast.Name(id="sqrt"), args=[inside]):
            return rf"\sqrt{{{_tex(inside)}}}"
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            body = f"{_tex(left)} {'+' if isinstance(op, ast.Add) else '-'} {_tex(right)}"
            return f"({body})" if tight else body
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return f"{_tex(left, True)} {_tex(right, True)}"
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return rf"\dfrac{{{_tex(left)}}}{{{_tex(right)}}}"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return f"{_tex(left, True)}^{{{_tex(right)}}}"
    raise TypeError(f"no TeX for {ast.unparse(node)}")


def _maths(formula: str) -> str:
    """A formula as it must stand in HTML that Markdown does not read."""
    return f'<span class="arithmatex">\\({html.escape(formula, quote=False)}\\)</span>'


def _words(text: str) -> str:
    """Plain text as HTML, with `code` and x_0 set as such."""
    parts = html.escape(text, quote=False).replace("x_0", "x₀").split("`")
    parts[::2] = [re.sub(r"\b([A-Za-z]|[α-ω])_(\w+)", r"\1<sub>\2</sub>", part) for part in parts[::2]]
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def _claim(slug: str) -> str:
    if not slug:
        return "–"
    claim = registry.claim(slug)
    return f'<a href="../t/{claim.tag}/" title="{html.escape(claim.title)}">{claim.tag}</a>'


def _row(name: str, cells: list[tuple[str, str]]) -> str:
    (_, first), *rest = cells
    inner = "".join(f'<td data-label="{label}">{content}</td>' for label, content in rest)
    return f'<tr id="{name}"><th scope="row">{first}</th>{inner}</tr>'


def _table(caption: str, heads: list[str], rows: list[str]) -> str:
    head = "".join(f'<th scope="col">{h}</th>' for h in heads)
    lines = [f'<table class="rosetta"><caption>{caption}</caption>', f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    return "\n".join([*lines, *rows, "</tbody></table>"])


def conventions() -> str:
    """A row a convention: who, what the network is told, where noise is, what it sees and says, and the way back."""
    heads = ["convention", "told", "noise at", "sees", "says", "clean data", "rests on"]
    rows = []
    for there in CONVENTIONS.values():
        low, high = there.span
        end = {"low": low, "high": high}[there.noise_at]
        noise = {float("inf"): "∞", float("-inf"): "−∞"}.get(end, f"{end:g}")
        cells = [
            ("", f'{_words(there.whose)}<span class="source">{_words(there.source)}</span>'),
            ("told", _words(there.told)),
            ("noise at", noise),
            ("sees", _maths(there.point)),
            ("says", f"{_maths(tex(there.says))}: {_words(there.predicts)}"),
            ("clean data", _maths(tex(there.recover))),
            ("rests on", f"{_claim(there.claim)}<br><code>{there.name}</code>"),
        ]
        rows.append(_row(there.name, cells))
    return _table(
        "What a network is told, sees and says. It sees α x₀ + σ ε; λ = log(α/σ) is the way to our time.",
        heads,
        rows,
    )


def symbols() -> str:
    """A row a symbol that means something else elsewhere."""
    rows = [
        _row(
            entry.name,
            [
                ("", _words(entry.whose)),
                ("there", _words(entry.theirs)),
                ("here", _words(entry.ours)),
                ("rests on", f"{_claim(entry.claim)} <code>{entry.name}</code>"),
            ],
        )
        for entry in SYMBOLS.values()
    ]
    return _table("Symbols that mean something else elsewhere.", ["who", "there", "here", "rests on"], rows)


def filled(text: str) -> str:
    """The page with its two tables written anew."""
    for name, table in (("conventions", conventions()), ("symbols", symbols())):
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = text.partition(start)
        text = f"{before}{start}{table}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
