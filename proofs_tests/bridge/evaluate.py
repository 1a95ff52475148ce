"""From a statement to numbers: any expression of `concordant.theory.kernel.terms`, evaluated in torch in float64.

What stands in the expression is done as it stands, and nothing is rearranged:

    Σ_i          a sum over the D coordinates            Σ_k, Π_k    a loop
    ∫ dx         a quadrature over nodes in R^D          ∫ dt        Gauss-Legendre
    ∂_i, ∂_t     automatic differentiation, of whatever stands behind it, through quadratures too
    E over w     tensor quadrature over the steps that occur (see `paths`)
    p(x, t)      a callable of the witness; or its definition, evaluated where it is called

Bound points become leading batch axes, innermost first, so that nested integrals are one tensor operation.  The derivative of
a body by x is taken elementwise: x is expanded to the common shape of all that the body depends on, and the sum of the body is
differentiated by it.

Two things are exact and done for accuracy: the logarithm of a product is the sum of logarithms, and a density may be given by
its logarithm (`Logged`), which `log` then reads.  Values are kept by expression and by what its variables are bound to;
`scope()` forgets what was added inside.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from concordant.proofs_tests.bridge import values
from concordant.proofs_tests.bridge.nodes import Nodes, interval
from concordant.proofs_tests.bridge.paths import expectation
from concordant.proofs_tests.bridge.values import (
    Bound,
    Callback,
    Chain,
    Definition,
    Env,
    Logged,
    PointBound,
    Unevaluable,
    as_point,
    exponential,
    logarithm,
    moves,
    power,
    prime,
)
from concordant.theory.kernel.terms import (
    COORDINATE,
    DELTA,
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
    Variable,
    free,
    scalar_variables,
    walk,
)

Number = Tensor | float
Visit = Callable[[Expr, Env, int], Number]

#: Elements of one tensor beyond which an integral is done in several passes, and elements kept in all.
CHUNK, KEPT = 400_000, 30_000_000


@dataclass
class Evaluator:
    """Values of expressions (see the module's docstring).

    `fields` are functions of points (..., D), times (...) and steps (ints) with values (...), (..., D) or (..., D, D) after
    their number of components; arguments come broadcast to one shape.  They go before `definitions` of the same name.
    `constants` are numbers, `functions` of time act elementwise and get their primes by automatic differentiation unless
    those are given too, `curves` turn times (...) into points (..., D).  `nodes` are by name of the variable (a path's for
    each of its steps), under "" for all others.
    """

    dimension: int
    fields: Mapping[str, Callback | Logged]
    constants: Mapping[str, float]
    functions: Mapping[str, Callback]
    definitions: Mapping[str, Definition]
    nodes: Mapping[str, Nodes]
    chain: Mapping[str, Chain] = field(default_factory=dict)
    curves: Mapping[str, Callback] = field(default_factory=dict)
    time_nodes: int = 24

    def __post_init__(self) -> None:
        self._caches: list[dict[Hashable, Any]] = [{}]
        self._kept = 0
        self._numbers: dict[Expr, int] = {}
        self._known: dict[int, tuple[Expr, int, tuple[Variable, ...]]] = {}
        self._alive: dict[int, Any] = {}
        self._leaves = itertools.count()

    # ------------------------------------------------------------------------------------------------ the front
    def value(self, e: Expr, env: Mapping[Variable, Any]) -> Tensor:
        """The value of e, where `env` gives points (..., D), times, steps, indices from 0, and paths as {step: points}."""
        with torch.enable_grad():
            got = self.evaluate(e, *self._bind(env))
        return torch.as_tensor(got, dtype=torch.float64).detach()

    def size(self, e: Expr, env: Mapping[Variable, Any]) -> Tensor:
        """What the value would be if all that is added had the same sign: the scale of its rounding error."""
        with torch.enable_grad():
            got = self._size(e, *self._bind(env))
        return torch.as_tensor(got, dtype=torch.float64).detach()

    def variables(self, e: Expr) -> tuple[Variable, ...]:
        """The free variables of e, the starts of its paths among them."""
        return self._about(e)[1]

    @contextmanager
    def scope(self) -> Iterator[None]:
        """What is computed inside is forgotten on leaving."""
        self._caches.append({})
        try:
            yield
        finally:
            self._caches.pop()

    def _bind(self, env: Mapping[Variable, Any]) -> tuple[Env, int]:
        bound: Env = {}
        depth = 0
        for v, given in env.items():
            if isinstance(v, (Index, Step)):
                bound[v] = Bound(int(given), int(given))
            elif isinstance(v, Path):
                bound[v] = Bound({k: Bound(x, self._token(x)) for k, x in given.items()}, self._token(given))
                depth = max([depth, *(x.ndim - 1 for x in given.values())])
            else:
                value = given if isinstance(given, Tensor) else torch.as_tensor(given, dtype=torch.float64)
                bound[v] = Bound(value, self._token(given))
                depth = max(depth, value.ndim - isinstance(v, Point))
        return bound, depth

    def _token(self, given: Any) -> Hashable:
        if isinstance(given, (int, float)):
            return given
        self._alive[id(given)] = given  # so that its id is no one else's
        return ("id", id(given))

    # ------------------------------------------------------------------------------------------------ keeping values
    def _about(self, e: Expr) -> tuple[int, tuple[Variable, ...]]:
        """A number for e (equal for equal expressions) and the variables that it depends on."""
        known = self._known.get(id(e))
        if known is None:
            number = self._numbers.setdefault(e, len(self._numbers))
            laws = {one.law for one in walk(e) if isinstance(one, Bind) and one.kind == "path"}
            variables = free(e) | {self.chain[law].x0 for law in laws if law in self.chain}
            ordered = tuple(sorted(variables, key=lambda v: (type(v).__name__, v.name)))
            known = self._known[id(e)] = (e, number, ordered)
        return known[1], known[2]

    def _key(self, what: Hashable, e: Expr, env: Env) -> Hashable:
        number, variables = self._about(e)
        return (what, number, tuple(self.look_up(v, env).token for v in variables))

    def look_up(self, v: Variable, env: Env) -> Bound:
        """What v is bound to."""
        try:
            return env[v]
        except KeyError:
            raise Unevaluable(f"the variable {v} has no value") from None

    def keep(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What is kept under the key, or is made now."""
        for cache in reversed(self._caches):
            if key in cache:
                return cache[key]
        made = make()
        self._caches[-1][key] = made
        if isinstance(made, Tensor) and len(self._caches) == 1:
            self._kept += made.numel()
            if self._kept > KEPT:
                self._caches[0].clear()
                self._kept = 0
        return made

    # ------------------------------------------------------------------------------------------------ expressions
    def evaluate(self, e: Expr, env: Env, depth: int) -> Number:
        """The value of e where batches have `depth` axes."""
        match e:
            case Num(c):
                number: Number = self.scalar(c, env)
                return number
            case Field():
                return self._field(e, env, depth)
        value: Number = self.keep(self._key("value", e, env), lambda: self._compute(e, env, depth))
        return value

    def _compute(self, e: Expr, env: Env, depth: int) -> Number:
        match e:
            case Add(terms):
                return sum((self.evaluate(a, env, depth) for a in terms), 0.0)
            case Mul(factors):
                return product([self.evaluate(a, env, depth) for a in factors])
            case Power(base, n):
                powered: Number = power(self.evaluate(base, env, depth), n)
                return powered
            case Log(of):
                return self._log(of, env, depth)
            case D(body, by, i):
                slope = self._gradient(body, by, env, depth)
                return slope if i is None else slope[..., self.look_up(i, env).value]
            case Bind("path", Path() as w, body, _, _, law):
                return expectation(self, body, w, law, env, depth)
            case Bind():
                return self._bound(e, env, depth, self.evaluate)
        raise Unevaluable(f"{e!r} has no value")

    # ------------------------------------------------------------------------------------------------ binders
    def _bound(self, e: Bind, env: Env, depth: int, of: Visit) -> Number:
        """A sum, product or integral of what `of` makes of the body."""
        if e.kind in ("con", "sum"):
            return sum((of(e.body, env | {e.var: Bound(k, k)}, depth) for k in self.range(e, env)), 0.0)
        if e.kind == "prod":
            return product([of(e.body, env | {e.var: Bound(k, k)}, depth) for k in self.range(e, env)])
        if e.kind == "time":
            return self._over_time(e, env, depth, of)
        rule = self.rule(e.var.name)
        others = self._shape(e.body, {v: b for v, b in env.items() if v != e.var})
        pieces = min(len(rule), math.ceil(len(rule) * math.prod(others) / CHUNK))
        if pieces <= 1:
            return self._over(rule, self.axis(rule, depth), e, env, depth, of)
        total: Number = 0.0
        for j in range(pieces):
            part = Nodes(rule.points[j::pieces], rule.weights[j::pieces])
            with self.scope():
                axis = Bound(self._laid_out(part, depth), ("part", id(rule), depth, j, pieces))
                total = total + self._over(part, axis, e, env, depth, of)
        return total

    def _over(self, rule: Nodes, axis: Bound, e: Bind, env: Env, depth: int, of: Visit) -> Number:
        inside = of(e.body, env | {e.var: axis}, depth + 1)
        if not isinstance(inside, Tensor) or inside.ndim <= depth:
            return inside * float(rule.weights.sum())  # it does not depend on the variable: as far as the box goes
        return (rule.weights.view(-1, *[1] * depth) * inside).sum(0)

    def _over_time(self, e: Bind, env: Env, depth: int, of: Visit) -> Number:
        bounds = [b for b in (e.low, e.high) if b is not None]
        low, high = (torch.as_tensor(self.scalar(b, env), dtype=torch.float64) for b in bounds)
        node, weight = (v.view(-1, *[1] * depth) for v in interval(0.0, 1.0, self.time_nodes))
        token = ("time", depth, *bounds, *self._tokens(bounds, env))
        inside = of(e.body, env | {e.var: Bound(low + (high - low) * node, token)}, depth + 1)
        return ((high - low) * weight * inside).sum(0)

    def axis(self, rule: Nodes, depth: int) -> Bound:
        """The nodes as a batch of points along a new axis before the `depth` axes that there are."""
        self._alive[id(rule)] = rule
        return Bound(self._laid_out(rule, depth), ("nodes", id(rule), depth))

    def _laid_out(self, rule: Nodes, depth: int) -> Tensor:
        return rule.points.view(-1, *[1] * depth, self.dimension)

    def range(self, e: Bind, env: Env) -> range:
        """What the variable of a sum or product runs over; coordinates are counted from 0."""
        if e.kind == "con":
            return range(self.dimension)
        low, high = (self.scalar(b, env) for b in (e.low, e.high))
        if not isinstance(low, int) or not isinstance(high, int):
            raise Unevaluable(f"the bounds {e.low} and {e.high} are no whole numbers")
        return range(low, high + 1)

    def rule(self, name: str) -> Nodes:
        """The nodes for a variable."""
        found = self.nodes.get(name, self.nodes.get(""))
        if found is None:
            raise Unevaluable(f"no nodes for the integral over {name or 'a point'}")
        return found

    def _shape(self, e: Expr, env: Env) -> torch.Size:
        """The common batch shape of all that e depends on."""
        shapes: list[torch.Size] = []
        for v in self._about(e)[1]:
            if v not in env or isinstance(v, (Index, Step)):
                continue
            held = [b.value for b in env[v].value.values()] if isinstance(v, Path) else [env[v].value]
            shapes += [p.shape if isinstance(v, Time) else p.shape[:-1] for p in held]
        return torch.Size(torch.broadcast_shapes(*shapes))

    # ------------------------------------------------------------------------------------------------ derivatives
    def _gradient(self, body: Expr, by: Point | Time, env: Env, depth: int) -> Tensor:
        """∂body/∂by, all coordinates at once: (..., D) by a point, (...) by a time."""
        at = self.look_up(by, env)
        key = (self._key(("slope", by), body, env), at.token)
        got: Tensor = self.keep(key, lambda: self._differentiate(body, by, at, env, depth))
        return got

    def _differentiate(self, body: Expr, by: Point | Time, at: Bound, env: Env, depth: int) -> Tensor:
        tail = (self.dimension,) if isinstance(by, Point) else ()
        batch = torch.broadcast_shapes(self._shape(body, env), at.value.shape[: at.value.ndim - len(tail)])
        shape = torch.Size((*batch, *tail))
        others = [env[v] for v in self._about(body)[1] if v != by and v in env]
        leaf = self._leaf(at, shape, fresh=any(b.token == at.token or moves(b.value) for b in others))
        value = self.evaluate(body, env | {by: leaf}, depth)
        if not isinstance(value, Tensor) or not value.requires_grad:
            return torch.zeros(shape, dtype=torch.float64)
        outer = moves(at.value) or any(moves(b.value) for b in others)
        (slope,) = torch.autograd.grad(
            value.sum(), leaf.value, create_graph=outer, retain_graph=True, allow_unused=True
        )
        return torch.zeros(shape, dtype=torch.float64) if slope is None else slope

    def _leaf(self, at: Bound, shape: torch.Size, fresh: bool) -> Bound:
        """The same values in that shape, to be differentiated by: a tensor that no other variable has or depends on.

        Each has a token of its own, so that nothing that was computed with one is ever taken for another's.
        """
        if not fresh and isinstance(at.token, tuple) and at.token[0] == "leaf" and at.value.shape == shape:
            return at

        def make() -> Bound:
            wide: Tensor = at.value.expand(shape).clone()
            return Bound(wide if wide.requires_grad else wide.requires_grad_(), ("leaf", next(self._leaves)))

        leaf: Bound = self.keep(("leaf", at.token, shape), make)
        return leaf

    # ------------------------------------------------------------------------------------------------ fields
    def _field(self, e: Field, env: Env, depth: int) -> Number:
        picks = [self.look_up(i, env).value for i in e.comps]
        if e.name == DELTA:
            return 1.0 if picks[0] == picks[1] else 0.0
        args = [self._arg(a, env) for a in e.args]
        if e.name == COORDINATE:
            coordinate: Tensor = args[0].value[..., picks[0]]
            return coordinate
        if e.name in self.fields:
            got = self._call(e.name, args, logged=False)
            return got[(..., *picks)] if picks else got
        body, inner = self._unfold(e, args, env)
        value = self.evaluate(body, inner, depth)
        defined: Number = exponential(value) if self.definitions[e.name].logged else value
        return defined

    def _unfold(self, e: Field, args: list[Bound], env: Env) -> tuple[Expr, Env]:
        """The body of e's definition and what its variables are bound to."""
        if e.name not in self.definitions:
            raise Unevaluable(f"the field {e.name!r} has neither a value nor a definition at this witness")
        d = self.definitions[e.name]
        if len(d.params) != len(args) or len(d.comps) != len(e.comps):
            raise Unevaluable(f"the field {e.name!r} is defined with other arguments")
        inner: Env = {c.x0: env[c.x0] for c in self.chain.values() if c.x0 in env}
        for v, b in zip(d.params, args, strict=True):
            timed = isinstance(v, Time) and not isinstance(b.value, Tensor)
            inner[v] = Bound(torch.as_tensor(b.value, dtype=torch.float64), b.token) if timed else b
        inner.update((i, self.look_up(j, env)) for i, j in zip(d.comps, e.comps, strict=True))
        return d.body, inner

    def _call(self, name: str, args: list[Bound], logged: bool) -> Tensor:
        """The field, or its logarithm, with all components; arguments broadcast to one shape."""
        given = self.fields[name]

        def make() -> Tensor:
            if isinstance(given, Logged) and not logged:
                return self._call(name, args, logged=True).exp()
            tails = [b.value.shape[-1:] if isinstance(b, PointBound) else torch.Size() for b in args]
            held = [(b.value, tail) for b, tail in zip(args, tails, strict=True)]
            batch = torch.broadcast_shapes(*(v.shape[: v.ndim - len(t)] for v, t in held if isinstance(v, Tensor)))
            wide = [v.expand((*batch, *t)) if isinstance(v, Tensor) else v for v, t in held]
            try:
                return torch.as_tensor((given.log if isinstance(given, Logged) else given)(*wide), dtype=torch.float64)
            except LookupError as error:
                raise Unevaluable(f"the field {name!r} has no value there: {error}") from None

        got: Tensor = self.keep(("field", name, logged, tuple(b.token for b in args)), make)
        return got

    def _arg(self, a: Arg, env: Env) -> Bound:
        match a:
            case Point():
                return as_point(self.look_up(a, env))
            case At(w, k):
                steps, at = self.look_up(w, env).value, self.scalar(k, env)
                if at not in steps:
                    raise Unevaluable(f"the path {w.name} has no step {at}")
                return as_point(steps[at])
            case Along(curve, t):
                if curve not in self.curves:
                    raise Unevaluable(f"no curve {curve!r} at this witness")
                when = self._arg(t, env)
                token = ("along", curve, when.token)
                moved = self.keep(token, lambda: self.curves[curve](torch.as_tensor(when.value, dtype=torch.float64)))
                return PointBound(moved, token)
        if isinstance(a, (Time, Step)):
            return self.look_up(a, env)
        value = self.scalar(a, env)
        return Bound(value, ("scalar", a, *self._tokens([a], env)) if isinstance(value, Tensor) else value)

    def _tokens(self, scalars: list[sp.Expr], env: Env) -> list[Hashable]:
        found = {v for c in scalars for v in scalar_variables(c)}
        return [self.look_up(v, env).token for v in sorted(found, key=str)]

    # ------------------------------------------------------------------------------------------------ logarithms
    def _log(self, e: Expr, env: Env, depth: int) -> Number:
        match e:
            case Mul(factors):
                return sum((self._log(a, env, depth) for a in factors), 0.0)
            case Power(base, n):
                return n * self._log(base, env, depth)
            case Bind("prod", k, body, low, high):
                return self._bound(Bind("sum", k, body, low, high), env, depth, self._log)
            case Field(name) if isinstance(self.fields.get(name), Logged):
                return self._call(name, [self._arg(a, env) for a in e.args], logged=True)
            case Field(name) if name not in self.fields and name in self.definitions:
                body, inner = self._unfold(e, [self._arg(a, env) for a in e.args], env)
                return (self.evaluate if self.definitions[name].logged else self._log)(body, inner, depth)
        log: Number = logarithm(self.evaluate(e, env, depth))
        return log

    # ------------------------------------------------------------------------------------------------ scalars
    def scalar(self, c: sp.Expr, env: Env) -> Any:
        """A sympy scalar: an int where it is one, a float, or a tensor where it depends on a time."""
        return values.scalar(c, lambda s: self._symbol(s, env), self._function)

    def _symbol(self, s: sp.Symbol, env: Env) -> Any:
        if not isinstance(s, Const):
            return self.look_up(s, env).value
        if s.name == "D":
            return self.dimension
        if s.name not in self.constants:
            raise Unevaluable(f"the constant {s.name!r} has no value")
        return self.constants[s.name]

    def _function(self, name: str) -> Callback:
        if name in self.functions:
            return self.functions[name]
        if name.endswith("'"):
            return prime(self._function(name[:-1]))
        raise Unevaluable(f"the function {name!r} has no value")

    # ------------------------------------------------------------------------------------------------ sizes
    def _size(self, e: Expr, env: Env, depth: int) -> Number:
        size: Number = self.keep(self._key("size", e, env), lambda: self._sized(e, env, depth))
        return size

    def _sized(self, e: Expr, env: Env, depth: int) -> Number:
        match e:
            case Add(terms):
                return sum((self._size(a, env, depth) for a in terms), 0.0)
            case Mul(factors):
                return product([self._size(a, env, depth) for a in factors])
            case Power(base, n) if n > 0:
                powered: Number = self._size(base, env, depth) ** n
                return powered
            case Bind("con" | "int" | "sum" | "time"):
                return self._bound(e, env, depth, self._size)
        value = self.evaluate(e, env, depth)
        return value.abs() if isinstance(value, Tensor) else abs(value)


def product(factors: list[Number]) -> Number:
    """The product of numbers and tensors, 1 for none."""
    out: Number = 1.0
    for one in factors:
        out = out * one
    return out
