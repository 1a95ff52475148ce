"""Other people's conventions, as data: what a network of a paper or a library is told, sees and predicts, and the way to ours.

Whatever the notation, a network is told a number c, sees a point x' = α(c) x_0 + σ(c) ε and predicts the conditional mean
of some A(c) x_0 + B(c) ε.  A convention is therefore a clock with four coefficients and its inverse c(λ).  All else is one
piece of linear algebra: the output y fixes the clean data and the noise,

    x_0 = (B x' - σ y)/Δ,    ε = (α y - A x')/Δ,    Δ = αB - σA,

and the same pair, seen on a schedule of ours at the time with the same λ = log(α/σ), is at x = (α_t/α) x', where any of our
kinds can be read off.  `to_ours` and `from_ours` are this, `adapt` makes a predictor of a network, and `CONVENTIONS` is the
table.  Chains of discrete steps are continued between their steps by straight lines in λ, so that each clock can be inverted.

Symbols that mean something else elsewhere (whose ᾱ, which β, which λ, which guidance scale) are in `concordant.impl.symbols`.

>>> sorted({c.noise_at for c in CONVENTIONS.values()})
['high', 'low']
>>> CONVENTIONS["edm"].predicts
'of x_0 = c_skip x + c_out F'
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from concordant.errors import BadInput, unknown
from concordant.impl.batch import column
from concordant.impl.predictions import Kind, Prediction, Predictor, combination
from concordant.impl.schedules import Level, Schedule, VPLinear, as_time

Fn = Callable[[Tensor], Tensor]
Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Convention:
    """A clock c with coefficients: the network sees α x_0 + σ ε and predicts the mean of A x_0 + B ε.

    `told` is what the network is given as time, `noise_at` the end of c at which noise is, `point` the coefficients in the
    convention's own symbols (TeX), `predicts` what the output is, `says` its symbol, `recover` the clean data from it (a
    formula in x, the output, `alpha`, `sigma`; tested against `to_ours`), `claim` the slug of the statement behind it.
    """

    name: str
    whose: str
    source: str
    told: str
    noise_at: Literal["high", "low"]
    point: str
    predicts: str
    says: str
    recover: str
    claim: str
    span: tuple[float, float]  # the numbers c that the network may be told
    level: Callable[[Tensor], Pair]  # c -> (α, σ)
    clock: Fn  # λ -> c
    head: Callable[[Tensor, Tensor, Tensor], Pair]  # (α, σ, c) -> (A, B)

    def coefficients(self, c: Tensor | float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(α, σ, A, B) at c.  Raises `BadInput` for a c that the network is never told.

        >>> CONVENTIONS["torchcfm"].coefficients(0.75)[2:]
        (tensor(1., dtype=torch.float64), tensor(-1., dtype=torch.float64))
        """
        c = as_time(c)
        low, high = self.span
        if bool(((c < low) | (c > high)).any()):
            raise BadInput(f"c must lie in [{low:g}, {high:g}] in the convention {self.name!r}")
        alpha, sigma = self.level(c)
        a, b = self.head(alpha, sigma, c)
        return alpha, sigma, a, b

    def lam(self, c: Tensor | float) -> Tensor:
        """λ = log(α/σ) at c."""
        alpha, sigma, *_ = self.coefficients(c)
        return alpha.log() - sigma.log()


class Theirs(NamedTuple):
    """A prediction in another convention: what the network was told, the point it saw, and what it said."""

    c: Tensor
    x: Tensor
    output: Tensor


class Ours(NamedTuple):
    """The same prediction on a schedule of ours: the time, the point, and the prediction with its kind."""

    t: Tensor
    x: Tensor
    prediction: Prediction


def convention(name: str) -> Convention:
    """The convention of that name."""
    if name not in CONVENTIONS:
        raise unknown("convention", name, CONVENTIONS)
    return CONVENTIONS[name]


def to_ours(name: str, theirs: Theirs, schedule: Schedule, kind: Kind = "x0") -> Ours:
    """A network's output as a prediction of ours, at the time of `schedule` that has the same λ.

    Rectified flow is told 999·0.25 a quarter of the way from noise to data, and says data less noise:

    >>> from concordant.impl.batch import f64
    >>> from concordant.impl.schedules import schedule
    >>> data, noise = f64([1.0, -2.0]), f64([0.5, 0.0])
    >>> said = Theirs(f64(999 * 0.25), 0.25 * data + 0.75 * noise, data - noise)
    >>> ours = to_ours("rectified-flow", said, schedule("flow-matching"), "velocity")
    >>> round(float(ours.t), 12), ours.prediction.value
    (0.75, tensor([-0.5000,  2.0000], dtype=torch.float64))
    """
    alpha, sigma, a, b = (column(v) for v in convention(name).coefficients(theirs.c))
    det = alpha * b - sigma * a
    x0, noise = (b * theirs.x - sigma * theirs.output) / det, (alpha * theirs.output - a * theirs.x) / det
    t = schedule.t_of_lam(convention(name).lam(theirs.c))
    level = schedule.at(t).to(theirs.x)
    want = combination(kind, level)
    value = column(want.a) * x0 + column(want.b) * noise
    return Ours(t, column(level.alpha) * x0 + column(level.sigma) * noise, Prediction(kind, value))


def from_ours(name: str, prediction: Prediction, x: Tensor, t: Tensor | float, schedule: Schedule) -> Theirs:
    """A prediction of ours at (x, t) as the convention's network would have said it.

    >>> from concordant.impl.batch import f64
    >>> from concordant.impl.schedules import schedule
    >>> edm = from_ours("edm", Prediction("x0", f64([0.3])), f64([1.3]), 1.0, schedule("edm"))
    >>> float(edm.c), round(float(edm.output), 10)  # (x_0 - c_skip x)/c_out with c_skip = 0.2, c_out = 0.5/√1.25
    (-0.0, 0.0894427191)
    """
    there = convention(name)
    level = schedule.at(t)
    c = there.clock(schedule.lam(as_time(t)))
    alpha, sigma, a, b = (column(v).to(x) for v in there.coefficients(c))
    x0, noise = (prediction.to(kind, x, level).value for kind in ("x0", "epsilon"))
    return Theirs(c, alpha * x0 + sigma * noise, a * x0 + b * noise)


def adapt(name: str, network: Callable[[Tensor, Tensor], Tensor], schedule: Schedule, kind: Kind = "x0") -> Predictor:
    """A network of another convention, called as it expects to be called, as a predictor on a schedule of ours.

    >>> from concordant.impl.batch import f64
    >>> from concordant.impl.schedules import schedule
    >>> says_noise = lambda x, sigma: torch.zeros_like(x)  # a k-diffusion denoiser of data that are all zero
    >>> adapt("k-diffusion", says_noise, schedule("vp-linear"), "epsilon")(f64([0.6]), f64(1.0)).value
    tensor([0.6000], dtype=torch.float64)
    """
    there = convention(name)

    def predict(x: Tensor, t: Tensor) -> Prediction:
        c = there.clock(schedule.lam(t))
        scale = there.level(c)[0] / schedule.at(t).alpha
        x_theirs = column(scale.to(x)) * x
        theirs = Theirs(c, x_theirs, network(x_theirs, c.to(x)))
        return to_ours(name, theirs, schedule, kind).prediction

    return predict


# -------------------------------------------------------------------------------- scales, heads and clocks
def _vp(lam: Tensor) -> Pair:
    """(α, σ) with α² + σ² = 1."""
    return torch.sigmoid(2 * lam).sqrt(), torch.sigmoid(-2 * lam).sqrt()


def _ve(sigma: Tensor) -> Pair:
    return torch.ones_like(sigma), sigma


def _epsilon(alpha: Tensor, sigma: Tensor, c: Tensor) -> Pair:
    return torch.zeros_like(c), torch.ones_like(c)


def _x0(alpha: Tensor, sigma: Tensor, c: Tensor) -> Pair:
    return torch.ones_like(c), torch.zeros_like(c)


def _score(alpha: Tensor, sigma: Tensor, c: Tensor) -> Pair:
    return torch.zeros_like(c), -1 / sigma


def _v(alpha: Tensor, sigma: Tensor, c: Tensor) -> Pair:
    """α ε - σ x_0 at the scale α² + σ² = 1, whatever the scale of the point."""
    size = torch.hypot(alpha, sigma)
    return -sigma / size, alpha / size


def _minus_v(alpha: Tensor, sigma: Tensor, c: Tensor) -> Pair:
    a, b = _v(alpha, sigma, c)
    return -a, -b


def edm_preconditioning(sigma: Tensor, sigma_data: float = 0.5) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(c_skip, c_out, c_in, c_noise) of D(x, σ) = c_skip x + c_out F(c_in x, c_noise) (Karras et al. 2022, table 1).

    >>> tuple(round(float(c), 4) for c in edm_preconditioning(torch.tensor(1.0)))
    (0.2, 0.4472, 0.8944, 0.0)
    """
    total = (sigma**2 + sigma_data**2).sqrt()
    return (sigma_data / total) ** 2, sigma * sigma_data / total, 1 / total, sigma.log() / 4


def _edm(sigma_data: float) -> Callable[[Tensor, Tensor, Tensor], Pair]:
    """F = (x_0 - c_skip x)/c_out, so A = (1 - c_skip)/c_out and B = -c_skip σ/c_out, written without cancellation."""

    def head(alpha: Tensor, sigma: Tensor, c: Tensor) -> Pair:
        total = (sigma**2 + sigma_data**2).sqrt()
        return sigma / (sigma_data * total), -sigma_data / total

    return head


def _rates(d_alpha: Fn, d_sigma: Fn) -> Callable[[Tensor, Tensor, Tensor], Pair]:
    """The velocity dx/dc on the convention's own clock."""
    return lambda alpha, sigma, c: (d_alpha(c), d_sigma(c))


def linear_betas(first: float = 1e-4, last: float = 0.02, steps: int = 1000) -> Tensor:
    """β_1 … β_L of Ho et al. 2020, equally spaced."""
    return torch.linspace(first, last, steps, dtype=torch.float64)


def scaled_linear_betas(first: float = 0.00085, last: float = 0.012, steps: int = 1000) -> Tensor:
    """β whose square roots are equally spaced: diffusers' `scaled_linear`, with Stable Diffusion's ends.

    >>> float(scaled_linear_betas()[0])
    0.00085
    """
    return torch.linspace(math.sqrt(first), math.sqrt(last), steps, dtype=torch.float64) ** 2


class Chain:
    """The λ of a discrete chain, λ_i = ½ log(ᾱ_i/(1-ᾱ_i)) at i = first, first + 1, …, and straight lines between."""

    def __init__(self, betas: Tensor, first: int) -> None:
        log_alpha_bar = torch.log1p(-betas).cumsum(0)
        self.lams, self.first = (log_alpha_bar - (-torch.expm1(log_alpha_bar)).log()) / 2, first

    @property
    def span(self) -> tuple[float, float]:
        return float(self.first), float(self.first + len(self.lams) - 1)

    def lam(self, c: Tensor) -> Tensor:
        index = (c - self.first).clamp(0, len(self.lams) - 1)
        low = index.floor().long().clamp(max=len(self.lams) - 2)
        return torch.lerp(self.lams[low], self.lams[low + 1], (index - low).to(self.lams))

    def clock(self, lam: Tensor) -> Tensor:
        if bool(((lam > self.lams[0]) | (lam < self.lams[-1])).any()):
            raise BadInput(
                f"lambda must lie in [{float(self.lams[-1]):.4g}, {float(self.lams[0]):.4g}], as the steps do"
            )
        high = torch.searchsorted(-self.lams, (-lam).contiguous()).clamp(1, len(self.lams) - 1)
        left, right = self.lams[high - 1], self.lams[high]
        return self.first + high - 1 + (left - lam) / (left - right)


_DDPM = Chain(linear_betas(), first=1)
_STABLE = Chain(scaled_linear_betas(), first=0)
_SONG = VPLinear()
_NCSN_RATE = math.log(100) / 9  # ten levels from 1 to 0.01
_SIGMA_MIN = 1e-3  # azula's default, and its α_min
_AZULA_VP = math.log(_SIGMA_MIN)


def _song_back(c: Tensor) -> Level:
    """The VP schedule on the clock that runs from noise to data."""
    return _SONG.at(1 - c)


def _ratio(lam: Tensor) -> Tensor:
    return lam.exp()


_QUARTER = math.pi / 2

_TABLE = [
    Convention(
        "ddpm", "Ho, Jain and Abbeel 2020 (DDPM)", "their (4), (11), (14); β from 1e-4 to 0.02",
        "the step i = 1 … 1000", "high", r"\alpha=\sqrt{\bar\alpha_i},\ \sigma=\sqrt{1-\bar\alpha_i}",
        "the noise", "eps", "(x - sigma*eps)/alpha",
        "ddpm-kernel", _DDPM.span, lambda c: _vp(_DDPM.lam(c)), _DDPM.clock, _epsilon,
    ),
    Convention(
        "ncsn", "Song and Ermon 2019 (NCSN)", "their (5), (6); ten levels from 1 to 0.01",
        "the level's number 0 … 9", "low", r"\alpha=1,\ \sigma=\sigma_l",
        "the score", "s", "x + sigma**2*s",
        "denoising-score-matching", (0.0, 9.0),
        lambda c: _ve(torch.exp(-_NCSN_RATE * c)), lambda lam: lam / _NCSN_RATE, _score,
    ),
    Convention(
        "score-sde-vp", "Song et al. 2021 (score SDE), VP", "their (33); `get_score_fn` of score_sde_pytorch",
        "999 t", "high", r"\alpha=e^{-B/2},\ \sigma^2=1-e^{-B},\ B=\int_0^t\!\beta",
        "minus σ times the score", "eps", "(x - sigma*eps)/alpha",
        "optimal-predictions", (0.0, 999.0),
        lambda c: (_SONG.alpha(c / 999), _SONG.sigma(c / 999)), lambda lam: 999 * _SONG.t_of_lam(lam), _epsilon,
    ),
    Convention(
        "score-sde-ve", "Song et al. 2021 (score SDE), VE", "`VESDE.marginal_prob` of score_sde_pytorch",
        "the standard deviation σ itself", "high", r"\alpha=1,\ \sigma=\sigma_{\min}(\sigma_{\max}/\sigma_{\min})^t",
        "the score", "s", "x + sigma**2*s",
        "denoising-score-matching", (0.01, 50.0), _ve, lambda lam: torch.exp(-lam), _score,
    ),
    Convention(
        "edm", "Karras et al. 2022 (EDM)", "their (7) and table 1; `EDMPrecond` of edm, σ_data = 0.5",
        "¼ log σ", "high", r"\alpha=1,\ \sigma\text{, seen as }c_{\mathrm{in}}x",
        "of x_0 = c_skip x + c_out F", "F", "x/(1 + 4*sigma**2) + sigma*F/sqrt(1 + 4*sigma**2)",
        "optimal-predictions", (-math.inf, math.inf),
        lambda c: _ve(torch.exp(4 * c)), lambda lam: -lam / 4, _edm(0.5),
    ),
    Convention(
        "k-diffusion", "k-diffusion, a denoiser", "`to_d` of k-diffusion",
        "σ", "high", r"\alpha=1,\ \sigma",
        "the clean data", "D", "D",
        "tweedie", (0.0, math.inf), _ve, lambda lam: torch.exp(-lam), _x0,
    ),
    Convention(
        "k-diffusion-v", "k-diffusion, `VDenoiser`", "`VDenoiser.get_scalings` of k-diffusion, σ_data = 1",
        "(2/π) arctan σ", "high", r"\alpha=1,\ \sigma\text{, seen as }x/\sqrt{1+\sigma^2}",
        "α ε - σ x_0 at the scale α² + σ² = 1", "v", "x/(1 + sigma**2) - sigma*v/sqrt(1 + sigma**2)",
        "optimal-predictions", (0.0, 1.0),
        lambda c: _ve(torch.tan(_QUARTER * c)), lambda lam: torch.atan(torch.exp(-lam)) / _QUARTER, _v,
    ),
    Convention(
        "lipman", "Lipman et al. 2023 (flow matching), OT path", "their (20) to (23), σ_min = 1e-3; torchcfm's target matcher",
        "t", "low", r"\alpha=t,\ \sigma=1-(1-\sigma_{\min})t",
        "the velocity, data less noise", "u", "(1 - sigma_min)*x + sigma*u",
        "flow-matching-clock", (0.0, 1.0),
        lambda c: (c * 1, 1 - (1 - _SIGMA_MIN) * c), lambda lam: _ratio(lam) / (1 + (1 - _SIGMA_MIN) * _ratio(lam)),
        _rates(torch.ones_like, lambda c: torch.full_like(c, _SIGMA_MIN - 1)),
    ),
    Convention(
        "rectified-flow", "Liu et al. 2023 (rectified flow)", "their (1); `losses.py` of RectifiedFlow",
        "999 t", "low", r"\alpha=t,\ \sigma=1-t",
        "the velocity, data less noise", "u", "x + sigma*u",
        "flow-matching-clock", (0.0, 999.0),
        lambda c: (c / 999, 1 - c / 999), lambda lam: 999 * torch.sigmoid(lam),
        _rates(torch.ones_like, lambda c: -torch.ones_like(c)),
    ),
    Convention(
        "diffusers", "diffusers, DDIM and DDPM schedulers, `epsilon`", "`scheduling_ddim.py`, `scaled_linear` of Stable Diffusion",
        "the timestep 0 … 999 (our step i, less 1)", "high", r"\alpha=\sqrt{\bar\alpha_t},\ \sigma=\sqrt{1-\bar\alpha_t}",
        "the noise", "eps", "(x - sigma*eps)/alpha",
        "ddpm-kernel", _STABLE.span, lambda c: _vp(_STABLE.lam(c)), _STABLE.clock, _epsilon,
    ),
    Convention(
        "diffusers-v", "diffusers, the same with `v_prediction`", "`scheduling_ddim.py`",
        "the timestep 0 … 999", "high", r"\alpha=\sqrt{\bar\alpha_t},\ \sigma=\sqrt{1-\bar\alpha_t}",
        "α ε - σ x_0", "v", "alpha*x - sigma*v",
        "optimal-predictions", _STABLE.span,
        lambda c: _vp(_STABLE.lam(c)), _STABLE.clock, _v,
    ),
    Convention(
        "diffusers-euler", "diffusers, Euler and Heun schedulers", "`scheduling_euler_discrete.py`",
        "the timestep 0 … 999", "high", r"\alpha=1,\ \sigma=\sqrt{(1-\bar\alpha_t)/\bar\alpha_t}\text{, seen as }x/\sqrt{1+\sigma^2}",
        "the noise", "eps", "x - sigma*eps",
        "common-marginals", _STABLE.span,
        lambda c: _ve(torch.exp(-_STABLE.lam(c))), _STABLE.clock, _epsilon,
    ),
    Convention(
        "diffusers-flow", "diffusers, flow-matching Euler (SD3)", "`scheduling_flow_match_euler_discrete.py`",
        "1000 σ", "high", r"\alpha=1-\sigma,\ \sigma",
        "the velocity, noise less data: ours", "u", "x - sigma*u",
        "conditional-velocities", (0.0, 1000.0),
        lambda c: (1 - c / 1000, c / 1000), lambda lam: 1000 * torch.sigmoid(-lam),
        _rates(lambda c: -torch.ones_like(c), torch.ones_like),
    ),
    Convention(
        "flow_matching", "flow_matching (Meta), `CondOTScheduler`", "`affine.py` and `scheduler.py` of flow_matching",
        "t", "low", r"\alpha=t,\ \sigma=1-t",
        "the velocity, data less noise", "u", "x + sigma*u",
        "flow-matching-clock", (0.0, 1.0),
        lambda c: (c * 1, 1 - c), torch.sigmoid, _rates(torch.ones_like, lambda c: -torch.ones_like(c)),
    ),
    Convention(
        "flow_matching-vp", "flow_matching (Meta), `VPScheduler`", "`scheduler.py` of flow_matching",
        "t", "low", r"\alpha=e^{-B/2},\ \sigma^2=1-e^{-B},\ B=\int_0^{1-t}\!\beta",
        "the velocity, towards data", "u", "(sigma_dot*x - sigma*u)/(alpha*sigma_dot - sigma*alpha_dot)",
        "flow-matching-clock", (0.0, 1.0),
        lambda c: (_song_back(c).alpha, _song_back(c).sigma), lambda lam: 1 - _SONG.t_of_lam(lam),
        _rates(lambda c: -_song_back(c).d_alpha, lambda c: -_song_back(c).d_sigma),
    ),
    Convention(
        "torchcfm", "torchcfm, `ConditionalFlowMatcher`", "`conditional_flow_matching.py`, σ = 0",
        "t", "low", r"\alpha=t,\ \sigma=1-t",
        "the velocity, data less noise", "u", "x + sigma*u",
        "flow-matching-clock", (0.0, 1.0),
        lambda c: (c * 1, 1 - c), torch.sigmoid, _rates(torch.ones_like, lambda c: -torch.ones_like(c)),
    ),
    Convention(
        "torchcfm-vp", "torchcfm, `VariancePreserving…Matcher`", "`conditional_flow_matching.py`, σ = 0",
        "t", "low", r"\alpha=\sin\tfrac{\pi t}{2},\ \sigma=\cos\tfrac{\pi t}{2}",
        "the velocity, towards data", "u", "alpha*x + 2*sigma*u/pi",
        "flow-matching-clock", (0.0, 1.0),
        lambda c: (torch.sin(_QUARTER * c), torch.sin(_QUARTER * (1 - c))), lambda lam: torch.atan(_ratio(lam)) / _QUARTER,
        _rates(lambda c: _QUARTER * torch.sin(_QUARTER * (1 - c)), lambda c: -_QUARTER * torch.sin(_QUARTER * c)),
    ),
    Convention(
        "azula", "azula, a denoiser on `RectifiedSchedule`", "`noise.py`, `denoise.py`; α_min = σ_min = 1e-3",
        "t", "high", r"\alpha=1-t+t\,\alpha_{\min},\ \sigma=t+(1-t)\,\sigma_{\min}",
        "the posterior mean", "mu", "mu",
        "tweedie", (0.0, 1.0),
        lambda c: (1 - (1 - _SIGMA_MIN) * c, _SIGMA_MIN + (1 - _SIGMA_MIN) * c),
        lambda lam: (1 - _SIGMA_MIN * _ratio(lam)) / ((1 - _SIGMA_MIN) * (1 + _ratio(lam))), _x0,
    ),
    Convention(
        "azula-vp", "azula, a denoiser on `VPSchedule`", "`noise.py`, `denoise.py`; α_min = σ_min = 1e-3",
        "t", "high", r"\alpha=\alpha_{\min}^{t^2},\ \sigma^2=1-\alpha^2+\sigma_{\min}^2",
        "the posterior mean", "mu", "mu",
        "tweedie", (0.0, 1.0),
        lambda c: (torch.exp(_AZULA_VP * c**2), (_SIGMA_MIN**2 - torch.expm1(2 * _AZULA_VP * c**2)).sqrt()),
        lambda lam: ((torch.sigmoid(2 * lam).log() + math.log1p(_SIGMA_MIN**2)) / (2 * _AZULA_VP)).clamp_min(0).sqrt(), _x0,
    ),
    Convention(
        "azula-karras", "azula, the backbone in `KarrasDenoiser`", "`denoise.py` of azula",
        "log(σ/α) = -λ", "high", r"\alpha^2+\sigma^2=1",
        "minus v at the scale α² + σ² = 1", "b", "alpha*x + sigma*b",
        "optimal-predictions", (-math.inf, math.inf),
        lambda c: _vp(-c), lambda lam: -lam, _minus_v,
    ),
]  # fmt: skip
CONVENTIONS: dict[str, Convention] = {c.name: c for c in _TABLE}
