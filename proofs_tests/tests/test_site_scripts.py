"""The site's scripts against the torch code: same formulas, same figures."""

from __future__ import annotations

import pytest
import torch

from concordant.impl import calculus
from concordant.impl.conventions import CONVENTIONS, Theirs, to_ours
from concordant.impl.flow import FlowMatching
from concordant.impl.predictions import KINDS, Prediction
from concordant.impl.schedules import (
    EDM,
    SCHEDULES,
    Level,
    Schedule,
    VarianceExploding,
    VariancePreserving,
    VPLinear,
    schedule,
)
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import GaussianMixture
from concordant.impl.variational import DDPM
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


# ------------------------------------------------------------------------------------------------ the oracle
ORACLE = ["oracle.js"]
SAMPLERS = ["oracle.js", "samplers.js"]
CLOSE = {"rtol": 1e-10, "atol": 1e-10}
ONE = [
    {"weight": 0.35, "mean": [-2.2], "spectrum": [0.05]},
    {"weight": 0.4, "mean": [0.2], "spectrum": [0.12]},
    {"weight": 0.25, "mean": [2.0], "spectrum": [0.0]},
]
TWO = [
    {"weight": 0.5, "mean": [-1.0, 0.5], "spectrum": [2.0, 0.02], "angle": 0.7},
    {"weight": 0.3, "mean": [1.5, 1.0], "spectrum": [0.5, 0.1], "angle": -1.1},
    {"weight": 0.2, "mean": [0.3, -1.7], "spectrum": [0.04, 1.0], "angle": 0.0},
]


def in_torch(components: list[dict[str, object]]) -> GaussianMixture:
    """The same mixture for torch, its covariances made from the angles."""
    weights, means, spectra = (tensor([c[key] for c in components]) for key in ("weight", "mean", "spectrum"))
    angles = tensor([c.get("angle", 0.0) for c in components])
    if means.shape[1] == 1:
        return GaussianMixture(weights, means, spectra[:, 0])
    q = torch.stack([torch.stack([angles.cos(), -angles.sin()], -1), torch.stack([angles.sin(), angles.cos()], -1)], -2)
    covariances = (q * spectra.unsqueeze(1)) @ q.mT
    return GaussianMixture(weights, means, (covariances + covariances.mT) / 2)


def times_on(clock: Schedule, n: int = 20) -> torch.Tensor:
    lam = torch.rand(n, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 7 - 3.5
    return clock.t_of_lam(lam)


@pytest.mark.parametrize("scale", ["own", "vp", "ve"])
@pytest.mark.parametrize("name", list(SCHEDULES))
def test_schedules_and_their_twins(name: str, scale: str) -> None:
    clock = {"own": lambda s: s, "vp": VariancePreserving, "ve": VarianceExploding}[scale](schedule(name))
    t = times_on(clock)
    got = call(
        ORACLE,
        "given.t.map((t) => { const s = twin(SCHEDULES[given.name], given.scale);"
        " return { ...levelAt(s, t), lam: lam(s, t), time: timeOf(s, lam(s, t)) }; })",
        {"name": name, "scale": scale, "t": t.tolist()},
    )
    level = clock.at(t)
    want = {
        "alpha": level.alpha, "sigma": level.sigma, "dAlpha": level.d_alpha, "dSigma": level.d_sigma,
        "dSigma2": level.d_sigma2, "f": clock.f(t), "g2": clock.g2(t), "lam": clock.lam(t), "time": t,
    }  # fmt: skip
    for key, value in want.items():
        torch.testing.assert_close(tensor([row[key] for row in got]), value, **CLOSE)


def test_the_scripts_have_our_schedules() -> None:
    assert set(call(ORACLE, "Object.keys(SCHEDULES)")) == set(SCHEDULES)
    for name in SCHEDULES:
        assert call(ORACLE, f"SCHEDULES[{name!r}].T") == schedule(name).T


@pytest.mark.parametrize("components", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize("name", list(SCHEDULES))
def test_oracle(name: str, components: list[dict[str, object]]) -> None:
    """log p, responsibilities and all five means, at random times and points near and far, to 1e-10."""
    clock, target = schedule(name), in_torch(components)
    t = times_on(clock)
    spread = 3 * (clock.alpha(t) + clock.sigma(t)).unsqueeze(-1)
    x = spread * random(len(t), target.dimension, seed=4)
    got = call(
        ORACLE,
        "given.t.map((t, i) => { const p = marginal(mixture(given.mix), levelAt(SCHEDULES[given.name], t)), x = given.x[i];"
        " return { logProb: p.logProb(x), r: p.responsibilities(x),"
        " ...Object.fromEntries(given.kinds.map((k) => [k, p.mean(x, k)])) }; })",
        {"name": name, "mix": components, "t": t.tolist(), "x": x.tolist(), "kinds": KINDS},
    )
    law = target.at(clock, t)
    torch.testing.assert_close(tensor([row["logProb"] for row in got]), law.log_prob(x), **CLOSE)
    torch.testing.assert_close(tensor([row["r"] for row in got]), law.responsibilities(x), **CLOSE)
    for kind in KINDS:
        want = law.mean(x, kind)
        torch.testing.assert_close(
            tensor([row[kind] for row in got]), want, rtol=1e-10, atol=1e-10 * float(1 + want.abs().max())
        )


@pytest.mark.parametrize("components", [ONE, TWO], ids=["one", "two"])
def test_density_on_a_grid(components: list[dict[str, object]]) -> None:
    """The picture's density is p_t at the common scale."""
    clock, target, t = schedule("sub-vp"), in_torch(components), 0.4
    xs, ys = torch.linspace(-2, 3, 5, dtype=torch.float64), torch.linspace(-3, 2, 4, dtype=torch.float64)
    got = call(
        ORACLE,
        "Array.from(densityGrid(mixture(given.mix), levelAt(SCHEDULES['sub-vp'], 0.4), given.ys, given.xs))",
        {"mix": components, "ys": ys.tolist(), "xs": xs.tolist() if target.dimension == 2 else None},
    )
    level = clock.at(t)
    c = (level.alpha**2 + level.sigma**2).sqrt()
    points = ys.unsqueeze(-1) if target.dimension == 1 else torch.cartesian_prod(ys, xs).flip(-1)
    want = target.at(clock, t).log_prob(c * points).exp() * c**target.dimension
    torch.testing.assert_close(tensor(got), want, **CLOSE)


def test_noise_is_standard_normal_and_the_same_for_a_seed() -> None:
    draws = call(
        ORACLE, "[1, 1, 2].map((s) => { const r = randomNormal(s); return Array.from({ length: 20000 }, r); })"
    )
    assert draws[0] == draws[1] != draws[2]
    for z in (tensor(draws[0]), tensor(draws[2])):
        assert abs(float(z.mean())) < 4 / 20000**0.5
        assert abs(float(z.var()) - 1) < 4 * (2 / 20000) ** 0.5
        assert abs(float((z**4).mean()) - 3) < 4 * (96 / 20000) ** 0.5


# ------------------------------------------------------------------------------------------------ samplers
TIMES = torch.linspace(0.9, 0.05, 9, dtype=torch.float64)


def ours(sampler: str, target: GaussianMixture, clock: Schedule, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """The path's end by the library's own functions."""
    model = target.predictor(clock)
    times = TIMES * clock.T
    if sampler in ("euler", "heun"):
        solver = calculus.euler if sampler == "euler" else calculus.heun
        return solver(FlowMatching(clock).field(target.predictor(clock, "velocity")), x, times)
    chain = DDPM.from_schedule(clock, times.flip(0)) if sampler != "sde" else None
    for i, (t, s, z) in enumerate(zip(times[:-1], times[1:], noise, strict=True)):
        if chain is None:
            x = LinearSDE(clock).reverse_step(model, x, t, s - t, z)
        elif sampler == "ddim":
            x = chain.ddim_step(model, x, chain.steps - i, chain.steps - i - 1)
        else:
            x = chain.ancestral_step(model, x, chain.steps - i, z, variance="posterior")
    return x


@pytest.mark.parametrize("components", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize("sampler", ["euler", "heun", "ddim", "ancestral", "sde"])
@pytest.mark.parametrize("name", ["vp-linear", "vp-cosine", "flow-matching", "sub-vp"])
def test_samplers(name: str, sampler: str, components: list[dict[str, object]]) -> None:
    """Eight steps of each sampler, with the same noise, lead to the same points."""
    target, clock = in_torch(components), schedule(name)
    if sampler in ("ddim", "ancestral"):  # the library has them as steps of a DDPM chain
        clock = VariancePreserving(clock)
    x = clock.sigma(TIMES[0] * clock.T) * random(6, target.dimension, seed=1)
    noise = random(len(TIMES) - 1, 6, target.dimension, seed=2)
    got = call(
        SAMPLERS,
        "given.x.map((x, i) => path(given.sampler, lawOf(mixture(given.mix), twin(SCHEDULES[given.name], given.scale)),"
        " x, given.times, given.noise.map((z) => z[i])).pop())",
        {
            "mix": components, "name": name, "sampler": sampler, "x": x.tolist(), "times": (TIMES * clock.T).tolist(),
            "noise": noise.tolist(), "scale": "vp" if sampler in ("ddim", "ancestral") else "own",
        },
    )  # fmt: skip
    want = ours(sampler, target, clock, x, noise)
    torch.testing.assert_close(tensor(got), want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scale", ["vp", "ve"])
@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
def test_ddim_and_ancestral_steps_do_not_depend_on_the_scale(sampler: str, scale: str) -> None:
    expression = (
        "(() => { const s = SCHEDULES['flow-matching'], u = twin(s, given.scale), c = u.alpha(0.8) / s.alpha(0.8),"
        " d = u.alpha(0.3) / s.alpha(0.3), m = mixture(given.mix), z = [given.z];"
        " return [path(given.sampler, lawOf(m, u), given.x.map((v) => v * c), [0.8, 0.3], z).pop(),"
        " path(given.sampler, lawOf(m, s), given.x, [0.8, 0.3], z).pop().map((v) => v * d)]; })()"
    )
    one, other = call(
        SAMPLERS, expression, {"mix": TWO, "scale": scale, "sampler": sampler, "x": [0.4, -1.0], "z": [0.3, 0.8]}
    )
    torch.testing.assert_close(tensor(one), tensor(other), **CLOSE)


@pytest.mark.parametrize("name", ["ddpm", "ncsn", "sde", "flow"])
def test_the_four_flows_are_the_reference_solution(name: str) -> None:
    """Each formulation's flow, in its own variables, ends where the library's reference solver ends."""
    lams = torch.linspace(-3, 3.5, 241, dtype=torch.float64)
    start = tensor([[0.4, -0.9], [-1.2, 0.3]])
    got = call(
        SAMPLERS,
        "given.start.map((x) => flowOf(given.name, mixture(given.mix), x, given.lams).states.pop())",
        {"name": name, "mix": TWO, "start": start.tolist(), "lams": lams.tolist()},
    )
    clock: Schedule = {"ddpm": VPLinear(), "ncsn": EDM(), "sde": schedule("sub-vp"), "flow": schedule("flow-matching")}[
        name
    ]
    first, last = (float(clock.t_of_lam(lam)) for lam in (lams[0], lams[-1]))
    n = clock.at(first)
    field = FlowMatching(clock).field(in_torch(TWO).predictor(clock, "velocity"))
    want = calculus.solve(field, start * (n.alpha**2 + n.sigma**2).sqrt(), first, last)
    torch.testing.assert_close(tensor(got), want, rtol=2e-5, atol=2e-5)


STAGE = [*SAMPLERS, "plot.js", "stage.js"]


def run(**choice: object) -> torch.Tensor:
    """The states of the main picture, (steps + 1, samples, D), at the common scale."""
    return tensor(call(STAGE, "run(given).states", {"target": "blades", "clock": "lam", "seed": 3, **choice}))


@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
def test_schedules_do_not_matter_at_equal_lambda(sampler: str) -> None:
    """What the page says: with steps equal in λ, DDIM and ancestral samples are the same under every schedule."""
    first = run(formulation="ddpm", sampler=sampler, steps=12, schedule="vp-linear")
    for name in ("flow-matching", "vp-cosine", "trigonometric", "edm", "sub-vp"):
        other = run(formulation="flow", sampler=sampler, steps=12, schedule=name)
        torch.testing.assert_close(other, first, rtol=1e-8, atol=1e-8)


def test_all_samplers_end_at_the_data() -> None:
    """In many steps every sampler's law is that of the data: means to within four standard errors, and Heun is DDIM."""
    target = in_torch(
        call(STAGE, "TARGETS.blades.mix.components.map((c) => ({ ...c, angle: Math.atan2(c.sin, c.cos) }))")
    )
    ends = {
        name: run(formulation="ddpm", sampler=name, steps=150, schedule="vp-cosine")[-1]
        for name in ("heun", "ddim", "ancestral", "sde")
    }
    for end in ends.values():
        error = (end.mean(0) - target.mean) / (target.covariance.diagonal() / len(end)).sqrt()
        assert float(error.abs().max()) < 4
    assert float((ends["heun"] - ends["ddim"]).abs().median()) < 0.02
