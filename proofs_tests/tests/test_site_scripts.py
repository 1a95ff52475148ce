"""The site's scripts against the torch code: same formulas, same figures."""

from __future__ import annotations

import pytest
import torch

from concordant.impl.conventions import CONVENTIONS, Theirs, to_ours
from concordant.impl.predictions import KINDS, Prediction
from concordant.impl.schedules import EDM, Level, VPLinear
from concordant.proofs_tests.tests.javascript import call

TIGHT = {"rtol": 1e-12, "atol": 1e-12}


def tensor(values: object) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ------------------------------------------------------------------------------------------------ the converter
@pytest.mark.parametrize("kind", KINDS)
def test_converter_kinds(kind: str) -> None:
    """Each kind to all five, on 200 random levels, points and values, to 1e-12 of the size of the terms."""
    draws = random(6, 200, seed=7)
    alpha, sigma = draws[0].abs() + 0.05, draws[1].abs() + 0.05
    d_alpha, d_sigma = -draws[2].abs() - 0.05, draws[3].abs() + 0.05
    level = Level(alpha, sigma, d_alpha, d_sigma, 2 * sigma * d_sigma)
    x, y = draws[4].unsqueeze(-1), draws[5].unsqueeze(-1)
    rows = [
        {"alpha": a, "sigma": s, "dAlpha": da, "dSigma": ds, "x": p, "y": q}
        for a, s, da, ds, p, q in zip(
            *(v.flatten().tolist() for v in (alpha, sigma, d_alpha, d_sigma, x, y)), strict=True
        )
    ]
    got = call(["convert.js"], "given.rows.map((n) => all(given.kind, n.y, n.x, n))", {"kind": kind, "rows": rows})
    for to in KINDS:
        want = Prediction(kind, y).to(to, x, level).value.flatten()
        torch.testing.assert_close(tensor([row[to] for row in got]), want, **TIGHT)


def test_converter_says_where_nothing_follows() -> None:
    n = {"alpha": 0.0, "sigma": 1.0, "dAlpha": -1.0, "dSigma": 1.0}
    got = call(["convert.js"], "all('epsilon', 0.5, 0.5, given)", n)
    assert got["x0"] is None
    assert got["epsilon"] == 0.5
    assert call(["convert.js"], "ours('rectified-flow', 1000, 0.5, 0.5)") is None
    assert call(["convert.js"], "theirs('ddpm', 1, 1, 50)") is None


def test_converter_knows_all_conventions() -> None:
    spans = call(["convert.js"], "Object.entries(CONVENTIONS).map(([name, k]) => [name, k.span.map(String)])")
    want = {"Infinity": float("inf"), "-Infinity": float("-inf")}
    assert [name for name, _ in spans] == list(CONVENTIONS)
    for name, span in spans:
        assert tuple(want.get(s, float(s) if s not in want else 0.0) for s in span) == CONVENTIONS[name].span


@pytest.mark.parametrize("name", list(CONVENTIONS))
def test_converter_conventions(name: str) -> None:
    """Both ways, at 50 random noise levels each, against the table in torch."""
    there = CONVENTIONS[name]
    lam = torch.rand(50, generator=torch.Generator().manual_seed(8), dtype=torch.float64) * 3.4 + 0.05
    c = there.clock(lam)
    x, y = random(2, 50, seed=9)
    got = call(
        ["convert.js"],
        "given.c.map((c, i) => ours(given.name, c, given.x[i], given.y[i]))",
        {"name": name, "c": c.tolist(), "x": x.tolist(), "y": y.tolist()},
    )
    said = Theirs(c, x.unsqueeze(-1), y.unsqueeze(-1))
    for key, kind in (("x0", "x0"), ("eps", "epsilon")):
        want = to_ours(name, said, VPLinear() if name != "edm" else EDM(), kind).prediction.value.flatten()
        scale = 1 + want.abs()
        torch.testing.assert_close(tensor([r[key] for r in got]) / scale, want / scale, **TIGHT)
    torch.testing.assert_close(tensor([r["lam"] for r in got]), there.lam(c), **TIGHT)
    back = call(
        ["convert.js"],
        "given.lam.map((l, i) => theirs(given.name, given.x[i], given.y[i], l))",
        {"name": name, "lam": lam.tolist(), "x": x.tolist(), "y": y.tolist()},
    )
    alpha, sigma, a, b = there.coefficients(c)
    for key, want in (("c", c), ("x", alpha * x + sigma * y), ("output", a * x + b * y)):
        scale = 1 + want.abs()
        torch.testing.assert_close(tensor([r[key] for r in back]) / scale, want / scale, **TIGHT)
