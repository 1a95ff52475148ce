"""Like terms: each term with its bound variables numbered in the least way, and the coefficients of equal ones added up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from itertools import permutations, product
from typing import Any

import sympy as sp

from concordant.theory.kernel.prenex import Factor, Term, mentions, put, put_term
from concordant.theory.kernel.scalars import Unsupported
from concordant.theory.kernel.terms import DELTA, DIM, Along, At, Refused, _Fresh
from concordant.theory.kernel.zero import is_zero


def contract_deltas(t: Term) -> Term:
    """δ with a bound index substituted; an index that no factor carries sums to D, an expectation of nothing is 1."""
    again = True
    while again:
        again = False
        for j, (f, _) in enumerate(t.factors):
            if f.name != DELTA:
                continue
            (a, b), rest = f.comps, t.factors[:j] + t.factors[j + 1 :]
            bound = {x.var for x in t.binders}
            if a == b:
                t = replace(t, factors=rest)
            elif a in bound or b in bound:
                if a not in bound:
                    a, b = b, a
                t = Term(t.coef, tuple(x for x in t.binders if x.var != a), put(rest, {a: b}))
            else:
                ends = tuple(sorted((a, b)))
                if ends == f.comps:
                    continue
                t = replace(t, factors=(*rest, (Factor(DELTA, (), ends), 1)))
            again = True
            break
    for x in t.binders:
        if x.kind in ("con", "path") and not mentions(t.factors, x.var) and not mentions(t.coef, x.var):
            t = replace(t, binders=tuple(y for y in t.binders if y != x))
            if x.kind == "con":
                t = replace(t, coef=t.coef * DIM)
    return t


def canonical(t: Term) -> tuple[str, Term]:
    """The term with its bound variables numbered in the least way; its key says all but the coefficient.

    Variables are first told apart by where they occur (colours, refined up to three times); only those that this leaves alike
    are tried in every order.
    """
    bound = [b.var for b in t.binders]
    colour = {b.var: f"{b.kind}" for b in t.binders}
    for _ in range(3 if len(bound) > 1 else 0):
        marks = {v: type(v)("§") if not isinstance(v, sp.Symbol) else _Fresh("§") for v in bound}
        seen = {}
        for v in bound:
            others = {w: _coloured(w, colour[w]) for w in bound if w != v}
            here = [
                f"{n}{text(put(f, {v: marks[v], **others}))}"
                for f, n in t.factors
                if mentions((f.args, f.comps, f.derivs), v)
            ]
            limits = [text(put(b[2:], others)) for b in t.binders if b.var == v]
            seen[v] = f"{colour[v]}|{sorted(here)}|{limits}"
        order = sorted(set(seen.values()))
        colour = {v: f"{colour[v].split('.')[0]}.{order.index(seen[v])}" for v in bound}
        if len(order) == len(bound):
            break
    groups: dict[str, list[Any]] = {}
    for v in bound:
        groups.setdefault(colour[v], []).append(v)
    best: tuple[str, dict[Any, Any]] | None = None
    names = sorted(groups)
    for arrangement in product(*(permutations(groups[name]) for name in names)):
        flat = [v for group in arrangement for v in group]
        m = {v: _coloured(v, f"{n}") for n, v in enumerate(flat)}
        key = repr((sorted(text(put(b, m)) for b in t.binders), sorted((text(put(f, m)), n) for f, n in t.factors)))
        if best is None or key < best[0]:
            best = (key, m)
    assert best is not None
    return best[0], put_term(t, best[1])


def text(o: Any) -> str:
    """o written out: what differs is written differently."""
    match o:
        case sp.Basic():
            return _scalar_text(o)
        case tuple():
            return f"({','.join(map(text, o))})"
        case At(path, k):
            return f"{path}[{_scalar_text(k)}]"
        case Along(curve, t):
            return f"{curve!r}({_scalar_text(t)})"
    return repr(o)


@lru_cache(maxsize=1 << 16)
def _scalar_text(c: sp.Basic) -> str:
    return str(c)  # sympy takes its time


def _coloured(v: Any, label: str) -> Any:
    if isinstance(v, sp.Symbol):
        return _Fresh(f"§{label}", **{"integer": True} if v.is_integer else {"real": True})
    return type(v)(f"§{label}")


def normal_form(terms: Iterable[Term], positive: tuple[sp.Expr, ...] = ()) -> dict[str, Term]:
    """Like terms collected, those left out whose coefficient is zero where the given scalars are positive."""
    out: dict[str, Term] = {}
    for t in terms:
        t = contract_deltas(t)
        if t.coef == 0:
            continue
        key, t = canonical(t)
        out[key] = replace(t, coef=out[key].coef + t.coef) if key in out else t
    try:
        return {key: t for key, t in out.items() if not is_zero(t.coef, positive)}
    except Unsupported as error:
        raise Refused(f"a scalar that the zero tests do not know: {error}") from None
