"""What the evaluator works with: what names stand for, and the scalars of statements."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import sympy as sp
import torch
from sympy.core.function import AppliedUndef
from torch import Tensor

from concordant.theory.kernel.terms import Const, Expr, Index, Point, Variable

Callback = Callable[..., Any]


class Unevaluable(Exception):
    """The expression has something that has no value at this witness; the message says what."""


@dataclass(frozen=True)
class Logged:
    """A positive field given by its logarithm."""

    log: Callback


@dataclass(frozen=True)
class Definition:
    """name(params)_comps := body, or log name(params) := body."""

    params: tuple[Variable, ...]
    comps: tuple[Index, ...]
    body: Expr
    logged: bool = False


@dataclass(frozen=True)
class Chain:
    """Paths start at the point x0 and step by the density kernel(k, x_k, x_{k-1})."""

    kernel: str
    x0: Point


@dataclass(frozen=True)
class Bound:
    """What a variable is bound to, and a token: equal tokens, equal values."""

    value: Any
    token: Hashable


class PointBound(Bound):
    """A bound point, as against a bound time or step."""


def as_point(b: Bound) -> PointBound:
    """The same, known to be a point."""
    return PointBound(b.value, b.token)


Env = dict[Variable, Bound]


def moves(value: Any) -> bool:
    """Whether something is being differentiated by it."""
    if isinstance(value, dict):
        return any(moves(b.value) for b in value.values())
    return isinstance(value, Tensor) and value.requires_grad


# ------------------------------------------------------------------------------------------------ scalars
def exponential(value: Any) -> Any:
    """e to the value, of a number or a tensor."""
    return value.exp() if isinstance(value, Tensor) else math.exp(value)


def logarithm(value: Any) -> Any:
    """log of a number or a tensor, NaN where there is none."""
    if isinstance(value, Tensor):
        return value.log()
    return math.log(value) if value > 0 else math.nan


def power(base: Any, n: Any) -> Any:
    """base^n, NaN or infinite where that has no value.

    >>> power(2, 3), power(0.0, -1), power(-1.0, 0.5)
    (8, inf, nan)
    """
    if isinstance(base, Tensor) or isinstance(n, Tensor):
        return base**n
    if base == 0 and n < 0:
        return math.inf
    if base < 0 and n != int(n):
        return math.nan
    return base**n


def prime(f: Callback) -> Callback:
    """The derivative of a function of time, elementwise, by automatic differentiation.

    >>> prime(prime(lambda t: t**3))(torch.tensor([1.0, 2.0]))
    tensor([ 6., 12.])
    """

    def slope(t: Tensor) -> Tensor:
        with torch.enable_grad():
            moving = t if t.requires_grad else t.detach().clone().requires_grad_()
            value = f(moving)
            if not isinstance(value, Tensor) or not value.requires_grad:
                return torch.zeros_like(t)
            (got,) = torch.autograd.grad(value.sum(), moving, create_graph=True, allow_unused=True)
        got = torch.zeros_like(t) if got is None else got
        return got if t.requires_grad else got.detach()

    return slope


def scalar(c: sp.Expr, look_up: Callable[[sp.Symbol], Any], function: Callable[[str], Callback]) -> Any:
    """The value of a sympy scalar: an int where it is one, a float, or a tensor where it depends on a time."""

    def go(c: sp.Expr) -> Any:
        match c:
            case sp.Integer():
                return int(c)
            case sp.Rational():
                return int(c.p) / int(c.q)
            case sp.Symbol():
                return look_up(c)
            case AppliedUndef():
                return function(c.func.__name__)(torch.as_tensor(go(c.args[0]), dtype=torch.float64))
            case sp.Add():
                return sum(go(a) for a in c.args)
            case sp.Mul():
                return math.prod(go(a) for a in c.args)
            case sp.exp():
                return exponential(go(c.args[0]))
            case sp.Pow():
                return power(go(c.base), go(c.exp))
        if c is sp.pi:
            return math.pi
        raise Unevaluable(f"the scalar {c} has no value")

    return go(c)


__all__ = [
    "Bound",
    "Callback",
    "Chain",
    "Const",
    "Definition",
    "Env",
    "Logged",
    "PointBound",
    "Unevaluable",
    "as_point",
    "exponential",
    "logarithm",
    "moves",
    "power",
    "prime",
    "scalar",
]
