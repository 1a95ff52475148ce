"""Agreements of the solvers: so far, that DDIM is Euler's method in other coordinates."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from concordant.impl import calculus
from concordant.impl.batch import norm
from concordant.impl.predictions import Predictor
from concordant.impl.variational import DDPM
from concordant.proofs_tests.agreement import T1, Break, Compare, agreement
from concordant.proofs_tests.agreements.variational import chain
from concordant.proofs_tests.case import Case


def _clipped(step: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A step with x̂_0 clipped to half of its largest entry, and ε̂ left as it was."""

    def wrong(self: DDPM, model: Predictor, x: Tensor, i: int, to: int) -> Tensor:
        data = model(x, self.time(i)).to("x0", x, self.level(i)).value
        bound = float(data.abs().max()) / 2
        return step(self, model, x, i, to) + self.level(to).alpha * (data.clamp(-bound, bound) - data)

    return wrong


@agreement(
    "ddim-is-euler",
    T1,
    because="the same arithmetic in another order",
    float32=True,
    breaks=[
        Break(
            "the noise carried at the old level",
            DDPM,
            "ddim_step",
            lambda f: lambda self, m, x, i, to: f(self, m, x, i, to) + 0.01 * (self.noise[i] - self.noise[to]) * x,
        ),
        Break("Heun's method for Euler's", calculus, "euler", lambda f: calculus.heun),
        Break("x̂_0 clipped, and ε̂ left as it was", DDPM, "ddim_step", _clipped),
    ],
)
def ddim_and_euler(case: Case) -> Iterator[Compare]:
    """Steps of DDIM are Euler's method for d(x/α)/d(σ/α) = ε, on the same levels, for the exact prediction and for a wrong one."""
    twin, ddpm = chain(case, 10)
    levels = [10, 7, 5, 2, 1]
    ratios = torch.stack([ddpm.level(i).sigma / ddpm.level(i).alpha for i in levels])
    x = twin.sample(float(ddpm.times[-1]), 4)
    for name, model in (("exact", twin.target.predictor(twin.schedule, "v")), ("wrong", twin.wrong("epsilon", 0))):
        stepped = x
        for i, to in itertools.pairwise(levels):
            stepped = ddpm.ddim_step(model, stepped, i, to)

        def field(y: Tensor, ratio: Tensor, model: object = model) -> Tensor:
            i = levels[int((ratios - ratio).abs().argmin())]
            at = ddpm.level(i)
            return model(at.alpha * y, ddpm.time(i)).to("epsilon", at.alpha * y, at).value  # type: ignore[operator, no-any-return]

        euler = calculus.euler(field, x / ddpm.level(10).alpha, ratios) * ddpm.level(1).alpha
        yield Compare(stepped, euler, norm(x).unsqueeze(-1) + norm(euler).unsqueeze(-1), at=f"{name} prediction")
