"""Expectations over the paths of a chain, by tensor quadrature over the steps that occur.

    E[h(w_i, w_j)] = ∫ … ∫ q_{i|0}(x_i | x_0) q_{j|i}(x_j | x_i) h(x_i, x_j) dx_i dx_j,

q_{j|i} being the chain's kernel, or for j > i + 1 the integral over what lies between (Chapman and Kolmogorov).  Sums, and logarithms of products, are taken
out of the expectation, so that few steps at a time need be integrated over.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import sympy as sp
from torch import Tensor

from concordant.proofs_tests.bridge.values import Bound, Chain, Env, Unevaluable
from concordant.theory.kernel.terms import Add, At, Bind, Expr, Field, Log, Mul, Path, Point, children

if TYPE_CHECKING:
    from concordant.proofs_tests.bridge.evaluate import Evaluator, Number


def expectation(ev: Evaluator, body: Expr, w: Path, law: str, env: Env, depth: int) -> Number:
    """E[body] over the paths w of the law."""
    match body:
        case Add(terms):
            return sum((expectation(ev, a, w, law, env, depth) for a in terms), 0.0)
        case Bind("con" | "sum", k, inner):
            each = (expectation(ev, inner, w, law, env | {k: Bound(n, n)}, depth) for n in ev.range(body, env))
            return sum(each, 0.0)
        case Log(Mul(factors)):
            return sum((expectation(ev, Log(a), w, law, env, depth) for a in factors), 0.0)
        case Log(Bind("prod", k, inner, low, high)):
            return expectation(ev, Bind("sum", k, Log(inner), low, high), w, law, env, depth)
    if law not in ev.chain:
        raise Unevaluable(f"no chain {law!r} at this witness")
    chain = ev.chain[law]
    start = ev.look_up(chain.x0, env)
    steps = sorted(set(looked_at(ev, body, w, env)) - {0})
    rule, inside = ev.rule(w.name), depth + len(steps)
    path = {0: start} | {k: ev.axis(rule, depth + j) for j, k in enumerate(steps)}
    token = (law, *((k, b.token) for k, b in path.items()))

    def mass() -> Number:
        """The density of these steps times the weights of the nodes."""
        out: Number = 1.0
        for j, (before, k) in enumerate(pairwise(path)):
            out = out * transition(ev, chain, (before, path[before]), (k, path[k]), inside)
            out = out * rule.weights.view(-1, *[1] * (depth + j))
        return out

    value = ev.evaluate(body, env | {w: Bound(path, token)}, inside) * ev.keep(("mass", depth, token), mass)
    return value.sum(tuple(range(len(steps)))) if isinstance(value, Tensor) and steps else value


def transition(ev: Evaluator, chain: Chain, start: tuple[int, Bound], end: tuple[int, Bound], depth: int) -> Number:
    """The density of the point at the end given that at the start."""
    (i, x), (j, y) = start, end
    if j <= i:
        raise Unevaluable("a chain's steps begin at 0 and rise")
    if j == i + 1:
        to, of = Point("to"), Point("of")
        return ev.evaluate(Field(chain.kernel, (sp.Integer(j), to, of)), {to: y, of: x}, depth)
    rule = ev.rule("")
    middle = ev.axis(rule, depth)
    first = transition(ev, chain, start, (j - 1, middle), depth + 1)
    last = transition(ev, chain, (j - 1, middle), end, depth + 1)
    return (rule.weights.view(-1, *[1] * depth) * (first * last)).sum(0)


def looked_at(ev: Evaluator, e: Expr, w: Path, env: Env) -> Iterator[int]:
    """The steps at which e looks at the path."""
    match e:
        case Field():
            args: tuple[Any, ...] = e.args
            yield from (int(ev.scalar(a.step, env)) for a in args if isinstance(a, At) and a.path == w)
        case Bind("sum" | "prod", k, body):
            for n in ev.range(e, env):
                yield from looked_at(ev, body, w, env | {k: Bound(n, n)})
        case _:
            for a in children(e):
                yield from looked_at(ev, a, w, env)
