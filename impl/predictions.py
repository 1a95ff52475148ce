"""The five things that a model may be trained to predict, and how one turns into another.

Each is the conditional mean of a combination A x_0 + B ε of the clean data and the noise:

    kind       A        B        name
    x0         1        0        clean data, "x-prediction"
    epsilon    0        1        noise
    score      0       -1/σ      ∇ log p_t
    v          -σ       α        v-prediction (Salimans and Ho 2022)
    velocity   α'       σ'       dx/dt of the flow

Together with x_t = α x_0 + σ ε, any one of them fixes the other four (a 2×2 system).  From y = A x_0 + B ε to
y' = A' x_0 + B' ε:

    y' = [ (A'B - B'A) x_t + (αB' - σA') y ] / Δ,      Δ = αB - σA,

singular where Δ = 0: x0 at σ = 0, ε and the score at α = 0 (and the score at σ = 0, where it is infinite), the velocity
where ασ' - α'σ = 0, that is where the signal-to-noise ratio stands still.  v is never singular.  The formula is linear,
so it holds for the exact predictions, for a network's, and for wrong ones alike.

Mind the names: `v` is not the velocity (they agree for the trigonometric schedule up to π/2), and the velocity here is
dx/dt on our clock, from data to noise; flow-matching papers run the other way, with the opposite sign.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, get_args

import torch
from torch import Tensor

from concordant.errors import BadInput, unknown
from concordant.impl.batch import column
from concordant.impl.schedules import Level, Schedule

Kind = Literal["x0", "epsilon", "score", "v", "velocity"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Combination(NamedTuple):
    """A x_0 + B ε.  B may be infinite at σ = 0 where Bσ, which is all that the exact oracle needs, is finite."""

    a: Tensor
    b: Tensor
    b_sigma: Tensor


def _one(n: Level) -> Tensor:
    return torch.ones_like(n.alpha)


def _zero(n: Level) -> Tensor:
    return torch.zeros_like(n.alpha)


_TABLE: dict[str, Callable[[Level], Combination]] = {
    "x0": lambda n: Combination(_one(n), _zero(n), _zero(n)),
    "epsilon": lambda n: Combination(_zero(n), _one(n), n.sigma),
    "score": lambda n: Combination(_zero(n), -1 / n.sigma, -_one(n)),
    "v": lambda n: Combination(-n.sigma, n.alpha, n.alpha * n.sigma),
    "velocity": lambda n: Combination(n.d_alpha, n.d_sigma, n.d_sigma2 / 2),
}


def combination(kind: str, level: Level) -> Combination:
    """The coefficients of a kind at a noise level."""
    if kind not in _TABLE:
        raise unknown("kind of prediction", kind, KINDS)
    return _TABLE[kind](level)


@dataclass(frozen=True)
class Prediction:
    """A prediction that knows what it predicts.  `value` has the shape of x_t, (..., D)."""

    kind: Kind
    value: Tensor

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("kind of prediction", self.kind, KINDS)

    def to(self, kind: Kind, x: Tensor, level: Level) -> Prediction:
        """The same prediction as another kind, at the point x_t = `x` and its noise level.

        `level` holds one number, or one for each point of the batch.  Raises `BadInput` where the conversion is
        singular.

        >>> from concordant.impl.schedules import schedule
        >>> level = schedule("flow-matching").at(0.25)
        >>> x0, noise = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 0.0])
        >>> x = 0.75 * x0 + 0.25 * noise
        >>> Prediction("velocity", noise - x0).to("x0", x, level).value
        tensor([ 1., -2.])
        """
        if kind == self.kind:
            return self
        level = level.to(x)
        have, want = combination(self.kind, level), combination(kind, level)
        det = level.alpha * have.b - level.sigma * have.a
        on_x = (want.a * have.b - want.b * have.a) / det
        on_y = (level.alpha * want.b - level.sigma * want.a) / det
        singular = ~(on_x.isfinite() & on_y.isfinite())
        if bool(singular.any()):
            where = ", ".join(
                f"{symbol} = {float(value.expand_as(singular)[singular].flatten()[0]):g}"
                for symbol, value in (("alpha", level.alpha), ("sigma", level.sigma))
            )
            reasons = [_SINGULAR[k] for k in (self.kind, kind) if k in _SINGULAR]
            raise BadInput(f"no conversion from {self.kind} to {kind} at {where}: {'; '.join(reasons)}")
        return Prediction(kind, column(on_x) * x + column(on_y) * self.value)


def amplification(source: Kind, kind: Kind, level: Level) -> Tensor:
    """|αB' - σA'|/|αB - σA|: by how much a conversion from `source` to `kind` multiplies errors, at a noise level.

    Infinite where the conversion is singular: from noise to clean data it is σ/α, from clean data to noise α/σ.

    >>> from concordant.impl.schedules import schedule
    >>> amplification("epsilon", "x0", schedule("flow-matching").at(0.75))
    tensor(3., dtype=torch.float64)
    """
    have, want = combination(source, level), combination(kind, level)
    return ((level.alpha * want.b - level.sigma * want.a) / (level.alpha * have.b - level.sigma * have.a)).abs()


def condition_number(kind: Kind, level: Level) -> Tensor:
    """The condition number of (x_0, ε) ↦ (x_t, y) for a prediction y of that kind, the ratio of its singular values.

    With S = α² + σ² + A² + B² and Δ = αB - σA it is the larger root of κ + 1/κ = S/|Δ|.  1 for v where α² + σ² = 1, infinite
    where Δ = 0 or B is infinite.

    >>> from concordant.impl.schedules import schedule
    >>> float(condition_number("v", schedule("trigonometric").at(0.3)))
    1.0
    """
    c = combination(kind, level)
    det = level.alpha * c.b - level.sigma * c.a
    sign = det.sign()
    # (S - 2|Δ|)/(2|Δ|), without the difference
    excess = ((level.alpha - sign * c.b) ** 2 + (level.sigma + sign * c.a) ** 2) / (2 * det.abs())
    excess = torch.where(c.b.isfinite(), excess, torch.inf)
    return 1 + excess + (excess * (excess + 2)).sqrt()


_SINGULAR = {
    "x0": "x0 says nothing of the noise at sigma = 0",
    "epsilon": "the noise says nothing of the data at alpha = 0",
    "score": "the score says nothing of the data at alpha = 0, and is infinite at sigma = 0",
    "velocity": "the velocity needs a finite sigma', and is singular where alpha sigma' = alpha' sigma",
}


class Predictor(Protocol):
    """Anything that predicts: a network, the exact oracle, or a deliberately wrong one.

    Called with points `x` of shape (..., D) and times `t` on the schedule's clock (one number, or one a point).
    """

    def __call__(self, x: Tensor, t: Tensor) -> Prediction: ...


def predictor(fn: Callable[[Tensor, Tensor], Tensor], kind: Kind) -> Predictor:
    """A plain function (a network) of (x, t), tagged with the kind of what it returns.

    >>> zero = predictor(lambda x, t: torch.zeros_like(x), "epsilon")
    >>> zero(torch.ones(2), torch.tensor(0.5))
    Prediction(kind='epsilon', value=tensor([0., 0.]))
    """
    return lambda x, t: Prediction(kind, fn(x, t))


def predict(model: Predictor, schedule: Schedule, x: Tensor, t: Tensor | float, kind: Kind) -> Tensor:
    """What `model` predicts at (x, t), as `kind`, whatever kind it was made for."""
    t = torch.as_tensor(t, dtype=x.dtype, device=x.device) if not isinstance(t, Tensor) else t
    return model(x, t).to(kind, x, schedule.at(t)).value
