"""Variables, constants and functions of time: each of a type of its own, so that none is taken for another of the same name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from concordant.errors import BadInput


class Refused(Exception):
    """The kernel says no, and why."""


# ------------------------------------------------------------------------------------------------ variables, constants
class _Named(sp.Symbol):  # type: ignore[misc]
    """A sympy symbol that only we make: its type says what it is, and its name what it assumes."""

    def __new__(cls, name: str, **assumptions: Any) -> Any:
        _plain(name)
        return super().__new__(cls, name, **assumptions)


def _plain(name: str) -> str:
    if not name or any(c in name for c in "#§ ()"):
        raise BadInput(f"a name must be plain, without spaces, brackets, # and §: not {name!r}")
    return name


class Const(_Named):
    """A named constant; its assumptions are part of the statement."""


class Time(_Named):
    """A variable for a time."""


class Step(_Named):
    """A variable for a whole number: a step, or a number of steps."""


class _Fresh(sp.Symbol):  # type: ignore[misc]
    """A bound time or step inside the normal form."""


@dataclass(frozen=True, order=True)
class Point:
    """A variable for a point of R^D."""

    name: str


@dataclass(frozen=True, order=True)
class Index:
    """A variable for a coordinate, 1 to D."""

    name: str


@dataclass(frozen=True, order=True)
class Path:
    """A variable for a path of a Markov chain."""

    name: str


@dataclass(frozen=True, order=True)
class At:
    """The point of a path at a step."""

    path: Path
    step: sp.Expr


@dataclass(frozen=True, order=True)
class Along:
    """The point z(t) of a differentiable curve, named, at a time."""

    curve: str
    time: sp.Expr


#: The dimension of space, a symbol throughout.
DIM = Const("D", integer=True, positive=True)
Arg = Any  # Point | At | Along | sp.Expr (sympy has no types, so that the union would say nothing)
Variable = Point | Index | Path | Time | Step

_constants: dict[str, Const] = {"D": DIM}
_functions: dict[str, dict[str, Any]] = {}


def const(name: str, **assumptions: Any) -> Const:
    """A constant.  One name has one set of assumptions: asking for another is an error.

    >>> const("sigma", positive=True) is const("sigma", positive=True)
    True
    """
    made: Const = Const(name, **(assumptions or {"real": True}))
    if _constants.setdefault(name, made) != made:
        raise BadInput(f"constant {name!r} has been declared with other assumptions")
    return made


def time(name: str) -> Time:
    """A variable for a time."""
    made: Time = Time(name, real=True)
    return made


def step(name: str) -> Step:
    """A variable for a whole number."""
    made: Step = Step(name, integer=True)
    return made


def function(name: str, **assumptions: Any) -> Callable[[Any], sp.Expr]:
    """A differentiable scalar function of time.  Its derivative is the function with a prime.

    >>> function("alpha", positive=True)(time("t"))
    alpha(t)
    """
    assumptions = assumptions or {"real": True}
    if _functions.setdefault(_plain(name), assumptions) != assumptions:
        raise BadInput(f"function {name!r} has been declared with other assumptions")
    return lambda t: sp.Function(name, **assumptions)(sp.sympify(t))
