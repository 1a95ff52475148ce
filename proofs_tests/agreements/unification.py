"""Agreements of the unification: one family of marginals, one field in five forms, one loss, one flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from concordant.impl import calculus, predictions, schedules
from concordant.impl.batch import f64, norm
from concordant.impl.flow import FlowMatching
from concordant.impl.predictions import KINDS, Kind, Prediction, Predictor
from concordant.impl.schedules import Level, Rescaled, Schedule, VarianceExploding, VariancePreserving
from concordant.impl.score import NCSN
from concordant.impl.sde import LinearSDE
from concordant.impl.variational import DDPM
from concordant.proofs_tests.agreement import T1, T2, Break, Compare, agreement, scaled
from concordant.proofs_tests.case import Case, few_components
from concordant.proofs_tests.quadrature import mean
from concordant.proofs_tests.reference import Reference


# -------------------------------------------------------------------- marginals
def _ddpm(s: Schedule, t: float) -> tuple[float, float]:
    """The scale and the deviation that 40 DDPM steps give, one transition after another."""
    chain = DDPM.from_schedule(s, torch.linspace(0, t, 41, dtype=torch.float64)[1:])
    scale, variance = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for i in range(1, 41):
        scale, added = chain.transition(scale, i)
        variance = chain.transition(torch.ones(1, dtype=torch.float64), i)[0] ** 2 * variance + added
    return float(scale), float(variance.sqrt())


def _ncsn(s: Schedule, t: float) -> tuple[float, float]:
    """The same for 40 increments of NCSN."""
    levels = NCSN.from_schedule(s, torch.linspace(0, t, 41, dtype=torch.float64)[1:])
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    variance = sum(float(levels.increment(zero, one, level)) ** 2 for level in range(1, 41))
    return float(levels.increment(one, zero, 1)), variance**0.5


def _sde(s: Schedule, t: float) -> tuple[float, float]:
    """The same for the SDE's moment equations m' = f m, P' = 2 f P + g², integrated."""
    sde = LinearSDE(s)

    def moments(state: Tensor, u: Tensor) -> Tensor:
        m, p = state[..., :1], state[..., 1:]
        f = sde.drift(torch.ones(1, dtype=torch.float64), u)
        return torch.cat([f * m, 2 * f * p + sde.diffusion(u) ** 2], -1)

    state = calculus.solve(moments, f64([1.0, 0.0]), 0.0, t, rtol=1e-13, atol=1e-15)
    return float(state[0]), float(state[1].sqrt())


def _flow(s: Schedule, t: float) -> tuple[float, float]:
    """The same for the conditional path of flow matching."""
    path = FlowMatching(s)
    zero, one, at = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64), f64(t)
    return float(path.path(one, zero, at)), float(path.path(zero, one, at))


#: Each formulation with the schedule that it was published with.
FORWARD: list[tuple[Schedule, Callable[[Schedule, float], tuple[float, float]]]] = [
    (schedules.VPLinear(), _ddpm),
    (schedules.VE(), _ncsn),
    (schedules.SubVP(), _sde),
    (schedules.FlowMatching(), _flow),
]


@agreement(
    "common-marginals",
    T1,
    because="closed forms, and moment equations solved to 1e-13",
    float32=True,
    bound=1e-9,
    breaks=[
        Break(
            "β for √β as a step's deviation",
            DDPM,
            "transition",
            lambda f: lambda self, x, i: (f(self, x, i)[0], f(self, x, i)[1] ** 2),
        ),
        Break(
            "σ_l in place of the increment",
            NCSN,
            "increment",
            lambda f: lambda self, x, z, level: x + self.sigma(level) * z,
        ),
        Break("g where g² belongs", LinearSDE, "diffusion", lambda f: lambda self, t: f(self, t).sqrt()),
        Break(
            "noise scaled by σ²",
            FlowMatching,
            "path",
            lambda f: lambda self, x0, e, t: f(self, x0, self.schedule.sigma(t) * e, t),
        ),
    ],
)
def four_forward_processes(case: Case) -> Iterator[Compare]:
    """At equal λ the marginals of DDPM, NCSN, score SDE and flow matching, each stepped in its own terms on its own
    schedule, are the oracle's marginal after the change of scale: log p⁽²⁾(c x) + D log c = log p⁽¹⁾(x), c = α₂/α₁."""
    for t in case.times():
        x = case.sample(t, 6)
        want = case.at(t).log_prob(x)
        alpha = case.level(t)[0]
        for native, forward in FORWARD:
            scale, deviation = forward(native, case.under(native).time(float(case.schedule.lam(t))))
            c = scale / alpha
            got = Reference(case.target, scale, deviation).log_prob(c * x) + case.target.dimension * f64(c).log()
            size = want.abs() + case.target.dimension * (1 + abs(float(f64(c).log())))
            yield Compare(got, want, size, at=f"t = {t:.4g}, {native.name}")


# -------------------------------------------------------------------- one field, five forms
def _textbook(case: Case, t: float, x: Tensor) -> dict[Kind, tuple[Tensor, Tensor]]:
    """The five optimal predictions from linear solves and automatic differentiation, each with the size of its terms."""
    alpha, sigma = case.level(t)
    reference, at = Reference(case.target, alpha, sigma), f64(t)
    x0, epsilon = reference.x0(x), reference.epsilon(x)
    d_alpha, d_sigma = float(case.schedule.d_alpha(at)), float(case.schedule.d_sigma(at))
    data, noise = norm(x0), norm(epsilon)
    return {
        "x0": (x0, data),
        "epsilon": (epsilon, noise),
        "score": (reference.score(x), noise / sigma),
        "v": (alpha * epsilon - sigma * x0, alpha * noise + sigma * data),
        "velocity": (d_alpha * x0 + d_sigma * epsilon, abs(d_alpha) * data + abs(d_sigma) * noise),
    }


@agreement(
    "common-marginals",
    T1,
    because="closed forms on both sides",
    bound=1e-9,
    breaks=[
        Break("σ left as it was", Rescaled, "sigma", lambda f: lambda self, t: self.base.sigma(t)),
        Break("α left as it was", Rescaled, "alpha", lambda f: lambda self, t: self.base.alpha(t)),
    ],
)
def predictions_of_a_twin(case: Case) -> Iterator[Compare]:
    """At c x, c = α₂/α₁, the twins at the scales of DDPM and NCSN have the noise and the clean data of x as their optimal
    predictions, and its score over c; for x by linear solves and automatic differentiation."""
    for t in case.times():
        x = case.sample(t, 4)
        want = _textbook(case, t, x)
        for twin in (VariancePreserving(case.schedule), VarianceExploding(case.schedule)):
            c, law = twin.scale(f64(t)), case.target.at(twin, f64(t))
            y = c * x
            have: dict[Kind, Tensor] = {"epsilon": law.epsilon(y), "x0": law.x0(y), "score": c * law.score(y)}
            for kind, got in have.items():
                value, terms = want[kind]
                yield Compare(got, value, terms.unsqueeze(-1), at=f"t = {t:.4g}, {twin.name}, {kind}")


@agreement(
    "optimal-predictions",
    T1,
    because="closed forms on both sides",
    float32=True,
    breaks=[
        Break(
            "v-prediction taken for α ε + σ x_0",
            predictions,
            "_TABLE",
            lambda f: f | {"v": lambda n: f["v"](n)._replace(a=n.sigma)},
        ),
        Break(
            "σ² in the denominator of the score",
            predictions,
            "_TABLE",
            lambda f: f | {"score": lambda n: f["score"](n)._replace(b=-1 / n.sigma**2)},
        ),
        Break(
            "the sign of the velocity",
            predictions,
            "_TABLE",
            lambda f: f | {"velocity": lambda n: predictions.Combination(*(-c for c in f["velocity"](n)))},
        ),
    ],
)
def conversions(case: Case) -> Iterator[Compare]:
    """Each optimal prediction of the oracle, turned into each other kind, is that kind's conditional mean as linear solves
    and automatic differentiation give it."""
    for t in case.times():
        x = case.sample(t, 4)
        p, level, want = case.at(t), case.schedule.at(t), _textbook(case, t, x)
        for source in KINDS:
            have = p.predict(x, source)
            for kind in KINDS:
                got = have.to(kind, x, level).value
                from_x = Prediction(source, torch.zeros_like(x)).to(kind, x, level).value
                value, terms = want[kind]
                size = norm(got - from_x) + norm(from_x) + terms  # the two terms of the conversion, and its result's
                yield Compare(got, value, size.unsqueeze(-1), at=f"t = {t:.4g}, {source} to {kind}")


#: What each kind regresses on, as its paper writes it.
TARGETS: dict[Kind, Callable[[Tensor, Tensor, Level], Tensor]] = {
    "x0": lambda x0, e, n: x0,
    "epsilon": lambda x0, e, n: e,
    "score": lambda x0, e, n: -((n.alpha * x0 + n.sigma * e) - n.alpha * x0) / n.sigma**2,
    "v": lambda x0, e, n: n.alpha * e - n.sigma * x0,
    "velocity": lambda x0, e, n: n.d_alpha * x0 + n.d_sigma * e,
}


@agreement(
    "regression-targets",
    T2,
    because="quadrature with breakpoints at the components, 1e-9 here",
    bound=1e-8,
    applies=few_components,
    breaks=[
        Break(
            "the oracle's mean 1 % off",
            predictions,
            "_TABLE",
            lambda f: {k: (lambda n, k=k: predictions.Combination(*(1.01 * c for c in f[k](n)))) for k in f},
        ),
    ],
)
def losses_have_the_oracle_as_minimiser(case: Case) -> Iterator[Compare]:
    """For each kind, the regression loss over real pairs (x_0, ε) rises by exactly η² E|δ(x_t)|² when its optimal
    prediction is moved by η δ, for every field δ: the error of the optimum is orthogonal to functions of x_t."""
    case = case.reduced()
    for t in case.times((1.5, -0.5)):
        level, (weights, x0, noise) = case.schedule.at(t), case.pairs(t)
        at = f64(t)
        x = level.alpha * x0 + level.sigma * noise
        deltas = [case.wrong("x0", index)(x, at).value for index in range(2)]
        optimum = {kind: case.at(t).mean(x, kind) for kind in KINDS}
        for kind in KINDS:
            y = TARGETS[kind](x0, noise, level)
            size = mean(weights, y.square().sum(-1)).sqrt()
            base = (optimum[kind] - y).square().sum(-1)
            for eta, delta in zip((0.1, -0.3), deltas, strict=True):
                moved = (optimum[kind] + eta * size * delta - y).square().sum(-1)
                rise = mean(weights, moved - base)
                want = (eta * size) ** 2 * mean(weights, delta.square().sum(-1))
                yield Compare(rise, want, mean(weights, moved + base), at=f"t = {t:.4g}, {kind}")
                across = ((optimum[kind] - y) * delta).sum(-1)
                terms = ((optimum[kind].abs() + y.abs()) * delta.abs()).sum(-1)
                yield Compare(mean(weights, across), f64(0.0), mean(weights, terms), at=f"t = {t:.4g}, {kind}")


@agreement(
    "probability-flow-in-four-parametrisations",
    T1,
    because="closed forms on both sides",
    float32=True,
    breaks=[
        Break("λ taken for log(α²/σ²)", Schedule, "d_lam", lambda f: scaled(f, 2.0)),
        Break(
            "g² in place of ½ g²",
            LinearSDE,
            "ode_drift",
            lambda f: lambda self, model, x, t: self.reverse_drift(model, x, t),
        ),
    ],
)
def four_forms_of_the_flow(case: Case) -> Iterator[Compare]:
    """f x - σ λ' ε*, (σ'/σ) x + α λ' x_0*, f x + σ² λ' s* and α' x_0* + σ' ε*, each from predictions by linear solves and
    automatic differentiation, are the drift f x - ½ g² s of the SDE's flow with the oracle's prediction of each kind."""
    process = LinearSDE(case.schedule)
    for t in case.times():
        x, n, at = case.sample(t, 4), case.schedule.at(t), f64(t)
        want = {kind: value for kind, (value, _) in _textbook(case, t, x).items()}
        f, slope = case.schedule.f(t), case.schedule.d_lam(t)
        forms: dict[Kind, list[Tensor]] = {
            "epsilon": [f * x, -n.sigma * slope * want["epsilon"]],
            "x0": [n.d_sigma / n.sigma * x, n.alpha * slope * want["x0"]],
            "score": [f * x, n.sigma**2 * slope * want["score"]],
            "velocity": [n.d_alpha * want["x0"], n.d_sigma * want["epsilon"]],
        }
        for kind, terms in forms.items():
            got = process.ode_drift(case.target.predictor(case.schedule, kind), x, at)
            # the conversion to the score and back is a sum of terms of these sizes
            size = sum((norm(term) for term in terms), slope.abs() * (norm(x) + n.alpha * norm(want["x0"])))
            yield Compare(got, terms[0] + terms[1], size.unsqueeze(-1), at=f"t = {t:.4g}, {kind}")


# -------------------------------------------------------------------- one loss
@agreement(
    "loss-weights",
    T1,
    because="pointwise algebra on the same pairs",
    float32=True,
    breaks=[
        Break("DSM without its ½", NCSN, "dsm_loss", lambda f: scaled(f, 2.0)),
        Break(
            "σ' forgotten in the velocity target",
            FlowMatching,
            "two_sided",
            lambda f: lambda self, x0, e, t: self.schedule.at(t).to(x0).d_alpha * x0 + e,
        ),
    ],
)
def losses_under_their_weights(case: Case) -> Iterator[Compare]:
    """For a wrong prediction seen by each formulation at its own scale, DDPM's, NCSN's and flow matching's losses and those
    of x_0- and v-prediction are equal, pair by pair, under the stated weights."""
    x0, noise = case.clean_and_noise(5)
    for index, t in enumerate(case.times()):
        at = f64(t)
        n = case.schedule.at(t)
        wrong = case.wrong("epsilon", index)

        def seen_at(scale: Schedule, wrong: Predictor = wrong) -> Predictor:
            """The same network before a change of scale: it gets x in the case's scale, and predicts ε."""
            return lambda y, u: wrong(y * (case.schedule.alpha(u) / scale.alpha(u)).to(y), u)

        vp, ve = VariancePreserving(case.schedule), VarianceExploding(case.schedule)
        chain, levels = DDPM.from_schedule(vp, [t]), NCSN.from_schedule(ve, [t])
        x = (n.alpha * x0 + n.sigma * noise).to(case.dtype)
        clean, v = (wrong(x, at).to(kind, x, n).value for kind in ("x0", "v"))
        epsilon = chain.simple_loss(seen_at(vp), x0, 1, noise)
        rate = n.alpha / (n.sigma * (n.d_alpha * n.sigma - n.alpha * n.d_sigma))
        others = {
            "NCSN": (n.sigma / n.alpha) ** 2 * 2 * levels.dsm_loss(seen_at(ve), x0, noise, 1),
            "x0-prediction": (n.alpha / n.sigma) ** 2 * (clean - x0).square().sum(-1),
            "v-prediction": (n.alpha / (n.alpha**2 + n.sigma**2)) ** 2
            * (v - n.alpha * noise + n.sigma * x0).square().sum(-1),
            "flow matching": (n.sigma * rate) ** 2 * FlowMatching(case.schedule).cfm_loss(wrong, x0, noise, at),
        }
        # what the errors are differences of, at the scale of ε
        size = 2 * (
            epsilon + noise.square().sum(-1) + (n.alpha / n.sigma) ** 2 * (x0.square().sum(-1) + clean.square().sum(-1))
        )
        for name, value in others.items():
            yield Compare(value, epsilon, size, at=f"t = {t:.4g}, {name}")


# -------------------------------------------------------------------- one flow
def _solve(case: Case, native: Schedule, field: calculus.Field, x: Tensor, lambdas: tuple[float, float]) -> Tensor:
    clock = case.under(native)
    return calculus.solve(field, x, clock.time(lambdas[0]), clock.time(lambdas[1]), rtol=1e-11, atol=1e-13)


def _flows(case: Case) -> list[tuple[str, Schedule, Callable[[Tensor, float, float], Tensor]]]:
    """The probability flow of each formulation, from one λ to another, in its own variables and on its own schedule."""

    def sde(x: Tensor, start: float, end: float) -> Tensor:
        s = schedules.SubVP()
        model = case.target.predictor(s, "score")
        return _solve(case, s, lambda y, t: LinearSDE(s).ode_drift(model, y, t), x, (start, end))

    def flow(x: Tensor, start: float, end: float) -> Tensor:
        s = schedules.FlowMatching()
        model = case.target.predictor(s, "velocity")
        return _solve(case, s, FlowMatching(s).field(model), x, (start, end))

    def ddpm(x: Tensor, start: float, end: float) -> Tensor:
        """d(x/√ᾱ) = ε dσ̂ with σ̂ = √(1-ᾱ)/√ᾱ as the clock (Song, Meng and Ermon 2021, (14))."""
        s = schedules.VPLinear()

        def field(y: Tensor, ratio: Tensor) -> Tensor:
            t = s.t_of_lam(-ratio.log())
            return case.target.at(s, t).epsilon(s.alpha(t) * y)

        first, last = (float(f64(-lam).exp()) for lam in (start, end))
        alphas = [float(s.alpha(s.t_of_lam(lam))) for lam in (start, end)]
        return alphas[1] * calculus.solve(field, x / alphas[0], first, last, rtol=1e-11, atol=1e-13)

    def ncsn(x: Tensor, start: float, end: float) -> Tensor:
        """dx = -σ s(x, σ) dσ, with the level as the clock."""
        s = schedules.EDM()
        model = case.target.predictor(s, "score")
        return _solve(case, s, lambda y, t: -t * model(y, t).value, x, (start, end))

    return [
        ("score SDE", schedules.SubVP(), sde),
        ("flow matching", schedules.FlowMatching(), flow),
        ("DDPM", schedules.VPLinear(), ddpm),
        ("NCSN", schedules.EDM(), ncsn),
    ]


@agreement(
    "conjugate-flows",
    T2,
    because="ODEs solved to 1e-11",
    bound=1e-8,
    breaks=[
        Break(
            "g² in place of ½ g²",
            LinearSDE,
            "ode_drift",
            lambda f: lambda self, model, x, t: self.reverse_drift(model, x, t),
        ),
        Break(
            "σ' left out of the velocity", schedules.FlowMatching, "d_sigma2", lambda f: lambda self, t: 0 * f(self, t)
        ),
    ],
)
def one_probability_flow(case: Case) -> Iterator[Compare]:
    """From a common λ, with x rescaled by the ratio of their α, the probability flows of the four formulations, each solved in
    its own variables, end at the same point as the flow of the case's own schedule."""
    start, end = -1.5, 2.0
    t, s = case.times((start, end))
    x = case.sample(t, 3)
    model = case.target.predictor(case.schedule, "velocity")
    own = calculus.solve(FlowMatching(case.schedule).field(model), x, t, s, rtol=1e-11, atol=1e-13)
    own = own / case.level(s)[0]
    for name, native, flow in _flows(case):
        clock = case.under(native)
        here, there = (clock.level(clock.time(lam))[0] for lam in (start, end))
        got = flow(here / case.level(t)[0] * x, start, end) / there
        yield Compare(got, own, norm(own).unsqueeze(-1) + norm(x).unsqueeze(-1), at=f"λ from {start} to {end}, {name}")
