"""Certificates: a theorem and everything under it as JSON, for `replay` to check.  FORMAT.md beside this file defines them.

Nothing here is trusted: a wrong encoding is a certificate that is refused, or that says something else than the claim, and
the statement that is shown is read back from the certificate.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from concordant.theory.kernel.terms import (
    Add,
    Along,
    Arg,
    At,
    Bind,
    Const,
    D,
    Expr,
    Field,
    Index,
    Log,
    Mul,
    Num,
    Path,
    Point,
    Power,
    Step,
    Time,
    walk,
)


def scalar(c: sp.Expr) -> list[Any]:
    """A scalar as JSON."""
    match c:
        case sp.Rational():
            return ["q", int(c.p), int(c.q)]
        case Const():
            return ["c", c.name]
        case Time() | Step():
            return ["v", c.name]
        case AppliedUndef():
            return ["f", c.func.__name__, scalar(c.args[0])]
        case sp.Add():
            return ["+", *map(scalar, c.as_ordered_terms())]
        case sp.Mul():
            return ["*", *map(scalar, c.as_ordered_factors())]
        case sp.Pow():
            return ["^", scalar(c.base), scalar(c.exp)]
    if c is sp.pi:
        return ["pi"]
    raise TypeError(f"no certificate can hold {c!r}")


def arg(a: Arg) -> list[Any]:
    """An argument of a field as JSON."""
    match a:
        case Point(name):
            return ["pt", name]
        case At(path, k):
            return ["at", path.name, scalar(k)]
        case Along(curve, t):
            return ["along", curve, scalar(t)]
    return ["sc", scalar(a)]


def expr(e: Expr) -> list[Any]:
    """An expression as JSON."""
    match e:
        case Num(c):
            return ["num", scalar(c)]
        case Field(name, args, comps):
            return ["field", name, [arg(a) for a in args], [i.name for i in comps]]
        case Add(terms):
            return ["add", *map(expr, terms)]
        case Mul(factors):
            return ["mul", *map(expr, factors)]
        case Power(base, n):
            return ["pow", expr(base), n]
        case Log(of):
            return ["log", expr(of)]
        case D(body, by, i):
            return ["d", expr(body), by.name, None if i is None else i.name]
        case Bind(kind, var, body, low, high, law):
            first = law if kind == "path" else None if low is None else scalar(low)
            return ["bind", kind, var.name, first, None if high is None else scalar(high), expr(body)]
    raise TypeError(f"no certificate can hold {e!r}")


#: Where hypotheses name variables, times and steps among them: elsewhere these are scalars.
_NAMED = {"where": (1,), "where log": (1,), "law": (0, 1)}
#: And where parameters of rules do.
_NAMED_PARAMS = {
    "first term": ("k",),
    "last term": ("k",),
    "empty sum": ("k",),
    "induction": ("n",),
    "fundamental theorem": ("t",),
    "Dynkin": ("t",),
    "time reversal": ("t", "tau"),
    "uniqueness": ("params",),
}


def _named(v: Any) -> Any:
    return [a.name for a in v] if isinstance(v, (tuple, list)) else v.name


def value(v: Any) -> Any:
    """Anything that a hypothesis or a parameter may hold, as JSON."""
    match v:
        case Expr():
            return expr(v)
        case At() | Along():
            return arg(v)
        case Point() | Index() | Path():
            return v.name
        case (str(kind), *rest) if kind in _NAMED:
            return [kind, *(_named(a) if n in _NAMED[kind] else value(a) for n, a in enumerate(rest))]
        case sp.Basic():
            return scalar(v)
        case tuple() | list():
            return [value(a) for a in v]
    return v


def hypotheses(hyps: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Hypotheses as JSON, in the order of their text."""
    return sorted((value(h) for h in hyps), key=lambda h: json.dumps(h, ensure_ascii=False))


def _assumptions(symbol: Any) -> list[str]:
    return [name for name in ("positive", "real", "integer") if getattr(symbol, f"is_{name}")]


def certificate(claim: str, theorem: Any) -> dict[str, Any]:
    """The certificate of a theorem, premises first."""
    steps: list[dict[str, Any]] = []
    number: dict[int, int] = {}
    constants: dict[str, list[str]] = {}
    functions: dict[str, list[str]] = {}

    def declare(c: sp.Basic) -> None:
        for one in sp.preorder_traversal(c):
            if isinstance(one, Const):
                constants[one.name] = _assumptions(one)
            elif isinstance(one, AppliedUndef):
                functions[one.func.__name__] = _assumptions(one)

    def declare_all(v: Any) -> None:
        match v:
            case Expr():
                for one in walk(v):
                    match one:
                        case Num(c):
                            declare(c)
                        case Field(_, args, _):
                            for a in args:
                                declare_all(a)
                        case Bind(_, _, _, low, high, _):
                            declare_all((low, high))
            case At(_, c) | Along(_, c):
                declare(c)
            case sp.Basic():
                declare(v)
            case tuple() | list():
                for a in v:
                    declare_all(a)
            case dict():
                declare_all(list(v.values()))

    def go(th: Any) -> int:
        if id(th) in number:
            return number[id(th)]
        premises = [go(p) for p in th.premises]
        declare_all([th.lhs, th.rhs, th.params, [list(h) for h in th.hyps]])
        steps.append(
            {
                "rule": th.rule,
                "lhs": expr(th.lhs),
                "rel": th.rel,
                "rhs": expr(th.rhs),
                "hyps": hypotheses(th.hyps),
                "premises": premises,
                "params": {
                    k: _named(v) if k in _NAMED_PARAMS.get(th.rule, ()) else value(v) for k, v in th.params.items()
                },
            }
        )
        number[id(th)] = len(steps) - 1
        return number[id(th)]

    go(theorem)
    return {
        "format": 1,
        "claim": claim,
        "constants": dict(sorted(constants.items())),
        "functions": dict(sorted(functions.items())),
        "steps": steps,
    }


def text(cert: dict[str, Any]) -> str:
    """The certificate as it is written and hashed."""
    return json.dumps(cert, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
