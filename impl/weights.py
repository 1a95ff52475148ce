"""How a loss weighs noise levels: one template for all losses, and what weight each published method puts where.

Any of the losses in use is, for a network that predicts A x_0 + B ε,

    E_{x_0, ε} E_{t ~ p} [ ω(t)/p(t) |NN(x_t, t) - (A x_0 + B ε)|² ]            the monograph, (6.2.5); `disentangled_loss`

Written for the noise and on the clock λ = log(α/σ), which no schedule enters, it is

    L = ∫ ω(λ) E|ε̂ - ε|² dλ  =  ½ ∫ ω E|ε̂ - ε|² d log SNR,      ω(λ) = (weight · |Δhead|²/|Δε|²) · (density of λ)

so that ω = 1 is the variational bound, up to what no network enters (Kingma et al. 2021).  `WEIGHTINGS` is the table: each
entry says what the paper regresses on, with what weight and at what times, and `omega(λ)` is the product.  The total of
ω and not its two factors is what is learned from infinite data; the factors set the variance of its gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from concordant.errors import BadInput, unknown
from concordant.impl.batch import column
from concordant.impl.predictions import Kind, Predictor, combination, predict
from concordant.impl.schedules import Schedule, VPLinear, as_time
from concordant.impl.schedules.custom import _derivative, _nodes

Fn = Callable[[Tensor], Tensor]


# ------------------------------------------------------------------------------------------------ the template
def disentangled_loss(
    model: Predictor,
    schedule: Schedule,
    kind: Kind,
    x0: Tensor,
    noise: Tensor,
    t: Tensor,
    omega: Fn | None = None,
    density: Fn | None = None,
) -> Tensor:
    """ω(t)/p(t) |NN(x_t, t) - (A x_0 + B ε)|² of shape (...), for t drawn from the density p; ω = p = 1 unless given.

    Its mean over t ~ p is ∫ ω(t) E|…|² dt whatever p is: the density sets the variance only.  The monograph, (6.2.5).
    Raises `BadInput` for a time whose density is not positive: it can't have been drawn.
    """
    t = as_time(t)
    weight, p = (omega or torch.ones_like)(t), (density or torch.ones_like)(t)
    if not bool((p > 0).all()):
        raise BadInput("density must be positive at all times t, which are drawn from it")
    level = schedule.at(t).to(x0)
    c = combination(kind, level)
    x = column(level.alpha) * x0 + column(level.sigma) * noise
    error = predict(model, schedule, x, t, kind) - (column(c.a) * x0 + column(c.b) * noise)
    return (weight / p).to(x0) * error.square().sum(-1)


def best_times(weight: Fn, rms: Fn, T: float = 1.0) -> Fn:
    """The density of times at which the estimate ω/p · (loss at t) has the least second moment:  p ∝ ω · rms.

    `rms` is the root of the mean square of the loss at t, over data and noise.  The least is (∫ ω rms dt)².
    Raises `BadInput` where the two are negative somewhere, or 0 everywhere.

    >>> best_times(lambda t: torch.ones_like(t), lambda t: t)(torch.tensor(0.5))
    tensor(1.)
    """
    t, w = _nodes(torch.as_tensor(T, dtype=torch.float64))
    values = weight(t) * rms(t)
    total = (w * values).sum()
    if not bool((values >= 0).all() & (total > 0)):
        raise BadInput("weight and rms must be positive on the clock")
    return lambda u: weight(u) * rms(u) / total.to(u)


def bound_mixture(omega: Fn, low: float, high: float) -> tuple[float, Fn]:
    """The mean of variational costs that a weight is: an atom at the least noise, and a density of λ in [low, high].

    Where ω falls in λ, ∫ ω E|ε̂ - ε|² dλ + ω(low) L(low) = ω(low) [atom · L(high) + ∫ density(λ) L(λ) dλ], with L(λ) the cost of
    the chain from λ down to `low`, atom = ω(high)/ω(low) and density = -ω'/ω(low), which together have mass 1.  The atom weighs
    a term that depends on the network.  Kingma and Gao 2023, theorem 1; the monograph (6.2.2) calls the atom's term constant.
    Raises `BadInput` where ω does not fall from a positive value.

    >>> atom, density = bound_mixture(lambda lam: torch.sigmoid(2 - 2 * lam), -4.0, 4.0)
    >>> round(atom, 6)
    0.002473
    """
    if not low < high:
        raise BadInput(f"low must be less than high: they are {low:g} and {high:g}")
    values = omega(torch.linspace(low, high, 501, dtype=torch.float64))
    if not bool((values.diff() <= 0).all() & (values[0] > 0) & (values[-1] >= 0)):
        raise BadInput("omega must fall with lambda, and not below 0: a mean has no negative weights")

    def density(lam: Tensor) -> Tensor:
        return -_derivative(omega, as_time(lam)) / values[0]

    return float(values[-1] / values[0]), density


# ------------------------------------------------------------------------------------------------ densities of times
def logit_normal(t: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """The density of t = sigmoid(z), z ~ N(mean, std²):  N(logit t; mean, std²)/(t (1 - t)).  Esser et al. 2024, section 3.1.

    On the linear path -λ = logit t, so that λ is normal about -mean.  0 at both ends of the clock and outside.
    """
    if not std > 0:
        raise BadInput(f"std must be positive: it is {std:g}")
    t = as_time(t)
    inside = (t > 0) & (t < 1)
    on_clock = torch.where(inside, t, 0.5)
    density = _normal(torch.logit(on_clock), mean, std) / (on_clock * (1 - on_clock))
    return torch.where(inside, density, 0 * t)  # NaN stays NaN


def cosine_map(t: Tensor) -> Tensor:
    """The density 2/(π (t² + (1 - t)²)) of times on the linear path that see the λ of the cosine schedule.  Esser et al. 2024, section 3.1."""
    t = as_time(t)
    return 2 / (math.pi * (t**2 + (1 - t) ** 2))


def shifted_density(density: Fn, shift: float) -> Fn:
    """The density of s t/(1 + (s - 1) t) for t of the given density on [0, 1]: see `symbols.shifted`.  Esser et al. 2024, section 5.3.2.

    >>> uniform = lambda t: torch.ones_like(t)
    >>> shifted_density(uniform, 3.0)(torch.tensor([0.0, 1.0]))
    tensor([0.3333, 3.0000])
    """
    if not shift > 0:
        raise BadInput(f"shift must be positive: it is {shift:g}")

    def moved(u: Tensor) -> Tensor:
        back = u / (shift + (1 - shift) * u)
        return density(back) * shift / (shift + (1 - shift) * u) ** 2

    return moved


def density_of_lam(schedule: Schedule, density: Fn | None = None) -> Fn:
    """The density p(t)/|λ'(t)| of λ for times of density p (uniform unless given), 0 where the clock does not get to."""

    def of(lam: Tensor) -> Tensor:
        lam = as_time(lam)
        with torch.no_grad():
            ends = schedule.lam(as_time(schedule.T)), schedule.lam(as_time(0.0))
            reached = (lam >= ends[0]) & (lam <= ends[1])
        middle = schedule.lam(as_time(schedule.T / 2)).to(lam)
        t = schedule.t_of_lam(torch.where(reached, lam, middle))
        p = torch.full_like(t, 1 / schedule.T) if density is None else density(t)
        return torch.where(reached, -p / schedule.d_lam(t), torch.zeros_like(lam))

    return of


def _normal(z: Tensor, mean: float, std: float) -> Tensor:
    return torch.exp(-(((z - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))


def _sech(lam: Tensor) -> Tensor:
    """The density of λ for uniform times on the quarter circle, 1/(π cosh λ)."""
    return 1 / (math.pi * torch.cosh(lam))


# ------------------------------------------------------------------------------------------------ the table
@dataclass(frozen=True)
class Weighting:
    """What a published method weighs: `says` is the paper's weight of its own loss, `times` what times it draws.

    `on_noise(λ)` is that weight converted to |ε̂ - ε|²; `density(λ)` the density of λ (None where the paper states the
    weight in λ itself, whatever the times).
    """

    name: str
    source: str
    head: Kind
    says: str
    times: str
    on_noise: Fn
    density: Fn | None = None

    def omega(self, lam: Tensor | float) -> Tensor:
        """ω(λ), with λ = log(α/σ):  the loss is ∫ ω(λ) E|ε̂ - ε|² dλ."""
        lam = as_time(lam)
        weight = self.on_noise(lam)
        return weight if self.density is None else weight * self.density(lam)

    def monotone(self, low: float = -6.0, high: float = 6.0) -> bool:
        """Whether ω falls with λ, so that the loss is a mean of variational bounds on noised data (Kingma and Gao 2023)."""
        values = self.omega(torch.linspace(low, high, 2001, dtype=torch.float64))
        return bool((values.diff() <= 1e-12 * values.max()).all())


def edm(mean: float = -1.2, std: float = 1.2, sigma_data: float = 0.5) -> Weighting:
    """Karras et al. 2022, table 1: weight (σ² + σ_d²)/(σ σ_d)² of the denoiser's error, log σ ~ N(P_mean, P_std²)."""
    return Weighting(
        "edm", "Karras et al. 2022, section 5 and table 1", "x0", "(σ² + σ_d²)/(σ σ_d)²", f"log σ ~ N({mean:g}, {std:g}²)",
        lambda lam: 1 + torch.exp(-2 * lam) / sigma_data**2,
        lambda lam: _normal(-lam, mean, std),
    )  # fmt: skip


def min_snr(gamma: float = 5.0) -> Weighting:
    """Hang et al. 2023: weight min(SNR, γ) of the error in x_0, that is min(1, γ/SNR) of that in ε; cosine schedule."""
    return Weighting(
        "min-snr", "Hang et al. 2023, section 3", "x0", f"min(SNR, {gamma:g})", "uniform, cosine schedule",
        lambda lam: (gamma * torch.exp(-2 * lam)).clamp(max=1), _sech,
    )  # fmt: skip


def p2(k: float = 1.0, gamma: float = 1.0) -> Weighting:
    """Choi et al. 2022: weight 1/(k + SNR)^γ of the error in ε, on DDPM's linear schedule."""
    return Weighting(
        "p2", "Choi et al. 2022, section 3", "epsilon", f"1/({k:g} + SNR)^{gamma:g}", "uniform, linear β",
        lambda lam: (k + torch.exp(2 * lam)) ** -gamma, density_of_lam(VPLinear()),
    )  # fmt: skip


def sigmoid(bias: float = 2.0) -> Weighting:
    """Kingma and Gao 2023: ω = sigmoid(b - log SNR), whatever the times."""
    return Weighting(
        "sigmoid", "Kingma and Gao 2023, section 5", "epsilon", f"sigmoid({bias:g} - log SNR)", "any: stated in λ",
        lambda lam: torch.sigmoid(bias - 2 * lam),
    )  # fmt: skip


def flow_matching(name: str, source: str, times: str, density: Fn) -> Weighting:
    """Flow matching on the linear path, equal weights: |Δu|² = |Δε|²/(1 - t)² with t = sigmoid(-λ)."""
    return Weighting(name, source, "velocity", "1", times, lambda lam: (1 + torch.exp(-lam)) ** 2, density)


_TABLE = [
    Weighting("vlb", "Kingma et al. 2021, section 5.1", "epsilon", "1 in λ", "any: stated in λ", torch.ones_like),
    Weighting(
        "simple", "Ho et al. 2020, (14)", "epsilon", "1", "uniform, linear β",
        torch.ones_like, density_of_lam(VPLinear()),
    ),
    Weighting("simple-cosine", "Nichol and Dhariwal 2021", "epsilon", "1", "uniform, cosine schedule", torch.ones_like, _sech),
    Weighting(
        "v-cosine", "Salimans and Ho 2022, section 4", "v", "1", "uniform, cosine schedule",
        lambda lam: 1 + torch.exp(-2 * lam), _sech,
    ),
    edm(),
    flow_matching(
        "flow-matching", "Lipman et al. 2023, (23)", "uniform", lambda lam: torch.sigmoid(lam) * torch.sigmoid(-lam)
    ),
    flow_matching("flow-cosine", "Esser et al. 2024, section 3.1", "the cosine schedule's λ", _sech),
    flow_matching(
        "flow-logit-normal", "Esser et al. 2024, section 3.1", "logit t ~ N(0, 1)", lambda lam: _normal(-lam, 0.0, 1.0)
    ),
    min_snr(),
    p2(),
    sigmoid(),
]  # fmt: skip
WEIGHTINGS: dict[str, Weighting] = {one.name: one for one in _TABLE}


def weighting(name: str) -> Weighting:
    """The weighting of that name.

    >>> weighting("v-cosine").omega(0.0) / weighting("flow-matching").omega(0.0) * math.pi / 2
    tensor(1., dtype=torch.float64)
    """
    if name not in WEIGHTINGS:
        raise unknown("weighting", name, WEIGHTINGS)
    return WEIGHTINGS[name]
