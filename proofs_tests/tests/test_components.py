"""Each line of each derivation is compared with its components, in as many dimensions as it has contracted pairs."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest

from concordant.proofs_tests import prove
from concordant.proofs_tests.components import LEAST, dimensions, pairs
from concordant.theory.derivation import derive, slugs
from concordant.theory.kernel import replay
from concordant.theory.kernel.certificate import certificate, text
from concordant.theory.kernel.rules import algebra, definition, line
from concordant.theory.kernel.terms import DIM, Expr, Index, Mul, Point, contract, delta, dot, lift, scalar, vector

x, i = Point("x"), Index("i")
a, b, p = vector("a")(x), vector("b")(x), scalar("p")


class Observed:
    """The dimensions of the models that the replay makes: one run, from 1 on, for each line."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs: list[list[int]] = []
        seen = self

        class Model(replay.Model):
            def __init__(self, dim: int, *rest: Any, **allowed: Any) -> None:
                if dim == 1:
                    seen.runs.append([])
                seen.runs[-1].append(dim)
                super().__init__(dim, *rest, **allowed)

        monkeypatch.setattr(replay, "Model", Model)


@pytest.mark.parametrize("slug", slugs())
def test_the_replay_goes_as_far_as_the_ledger_says(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, observed = derive(slug), Observed(monkeypatch)
    assert made is not None
    every = [one for th in made.theorems for one in prove.theorems(th)]
    for th in made.theorems:
        replay.check(json.loads(text(certificate(slug, th))))
    assert observed.runs
    assert all(run == list(range(1, len(run) + 1)) and len(run) >= LEAST for run in observed.runs)
    assert max(map(len, observed.runs)) >= dimensions(every) >= LEAST


def test_pairs_are_counted_with_definitions_and_factors_of_dimension() -> None:
    assert pairs(line(p(x), p(x), algebra)) == 0
    assert pairs(line(dot(a, b) ** 2 * dot(a, a), dot(a, a) * dot(a, b) ** 2, algebra)) == 3
    assert pairs(line(p(x) ** 2, dot(a, b) ** 2, definition("p", (x,), dot(a, b)))) == 2
    assert pairs(line(contract(lambda j: delta(j, j)) * p(x), lift(DIM) * p(x), algebra)) == 1
    assert pairs(line(p(x) / lift(DIM + 1), p(x) / lift(DIM + 1), algebra)) == 1
    assert dimensions([line(dot(a, b) ** 4, dot(a, b) ** 4, algebra)]) == 5


def test_what_holds_below_four_dimensions_only_is_refused_by_the_replay() -> None:
    """Four vectors in fewer than four dimensions are dependent, so that their determinant by scalar products vanishes."""
    names = [(vector(f"a{n}")(x), vector(f"b{n}")(x)) for n in range(4)]
    out: Expr = lift(0)
    for order in permutations(range(4)):
        sign = (-1) ** sum(order[q] > order[p] for p in range(4) for q in range(p))
        out = out + lift(sign) * Mul(tuple(dot(names[p][0], names[q][1]) for p, q in enumerate(order)))
    true = json.loads(text(certificate("by-hand", line(out, out, algebra))))
    replay.check(true)
    (step,) = true["steps"]
    with pytest.raises(replay.Bad, match="differ"):
        replay.check({**true, "steps": [{**step, "rhs": ["num", ["q", 0, 1]]}]})
