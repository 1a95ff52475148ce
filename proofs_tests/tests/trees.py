"""Building certificates by hand, as JSON."""

from __future__ import annotations

import json
from typing import Any

J = Any  # a tree, as JSON


def q(p: int, r: int = 1) -> J:
    return ["q", p, r]


def c(name: str) -> J:
    return ["c", name]


def v(name: str) -> J:
    return ["v", name]


def num(s: J) -> J:
    return ["num", q(s) if isinstance(s, int) else s]


def sc(s: J) -> J:
    return ["sc", s]


def fld(name: str, *args: J, on: str = "") -> J:
    """A field; bare names are points, and `on` its indices, one letter each."""
    return ["field", name, [["pt", a] if isinstance(a, str) else a for a in args], list(on)]


def add(*terms: J) -> J:
    return ["add", *terms]


def mul(*factors: J) -> J:
    return ["mul", *factors]


def neg(e: J) -> J:
    return mul(num(-1), e)


def sub(a: J, b: J) -> J:
    return add(a, neg(b))


def power(e: J, n: int) -> J:
    return ["pow", e, n]


def log(e: J) -> J:
    return ["log", e]


def root(s: J, n: int = 1) -> J:
    return ["^", s, q(n, 2)]


def d(e: J, x: str, i: str | None = "i") -> J:
    return ["d", e, x, i]


def dt(e: J) -> J:
    return ["d", e, "t", None]


def con(i: str, e: J) -> J:
    return ["bind", "con", i, None, None, e]


def integral(x: str, e: J) -> J:
    return ["bind", "int", x, None, None, e]


def over(kind: str, k: str, low: J, high: J, e: J) -> J:
    return ["bind", kind, k, low, high, e]


def path(w: str, e: J, law: str = "Q") -> J:
    return ["bind", "path", w, law, None, e]


def where(name: str, params: str, body: J, on: str = "") -> J:
    return ["where", name, params.split(), list(on), body]


def step(rule: str, *said: J, premises: J = (), rel: str = "=", **params: J) -> J:
    """A step of lhs, rhs, and as far as they are given hypotheses, premises and relation."""
    every: list[J] = [*said, *[(), premises, rel][len(said) - 2 :]]
    lhs, rhs, hyps, premises, rel = every
    distinct = {json.dumps(h, ensure_ascii=False): h for h in hyps}
    ordered = [distinct[k] for k in sorted(distinct)]
    return {
        "rule": rule,
        "lhs": lhs,
        "rel": rel,
        "rhs": rhs,
        "hyps": ordered,
        "premises": list(premises),
        "params": params,
    }


def line(lhs: J, rhs: J, hyps: J = (), premises: J = (), rel: str = "=", **params: J) -> J:
    """A line; `definitions`, `normalised`, `ito`, `under_integral` where they are wanted."""
    usual: J = {"definitions": [], "normalised": [], "ito": False, "under_integral": False, "reason": "so"}
    return step("line", lhs, rhs, [*hyps, *params.get("definitions", [])], premises, rel, **usual | params)


def cert(*steps: J, functions: J = None, **constants: J) -> J:
    return {"format": 1, "claim": "by-hand", "constants": constants, "functions": functions or {}, "steps": list(steps)}


def converges(e: J) -> J:
    return ["converges", e]
