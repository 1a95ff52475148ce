"""The names that the examples in docstrings use:  from concordant.theory.kernel.examples import *"""

from __future__ import annotations

from concordant.theory.kernel.terms import (
    ZERO,
    Index,
    Mul,
    Path,
    Point,
    const,
    d_dt,
    div,
    dot,
    grad,
    integral,
    log,
    scalar,
    step,
    time,
    total,
    vector,
)

x, y, i, w = Point("x"), Point("y"), Index("i"), Path("w")
p, q, s = scalar("p"), scalar("q"), vector("s")
k, n, last, t, u = step("k"), step("n"), step("L"), time("t"), time("u")

__all__ = [
    "ZERO",
    "Index",
    "Mul",
    "Path",
    "Point",
    "const",
    "d_dt",
    "div",
    "dot",
    "grad",
    "i",
    "integral",
    "k",
    "last",
    "log",
    "n",
    "p",
    "q",
    "s",
    "scalar",
    "step",
    "t",
    "time",
    "total",
    "u",
    "vector",
    "w",
    "x",
    "y",
]
