"""Witnesses of the evidence lower bound and of DDPM."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.schedules import VariancePreserving
from concordant.impl.variational import DDPM
from concordant.proofs_tests.arbitrary import log_normal, wave
from concordant.proofs_tests.bridge.fields import Box, Setting, cube
from concordant.proofs_tests.bridge.values import Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.case import Case
from concordant.proofs_tests.witnesses.common import (
    Factory,
    about,
    bayes,
    clean_points,
    encoder,
    exact,
    finer,
    kinds,
    level,
    level_kernel,
    narrow,
    noise_points,
    plain,
    pointwise,
    reverse_kernel,
    transition,
)


# ------------------------------------------------------------------------------------------------ one latent variable
def latent(s: Setting, q: Logged | None = None, name: str = "") -> Witness:
    """The latent is the clean point: p(x|z) is the kernel, π the data's law, the evidence the marginal."""
    fields = {"ℓ": s.kernel, "π0": s.clean, "p": s.marginal, "q": q or encoder(s), "r": reverse_kernel(s, None)}
    boxes = {"z": s.boxes["x0"], "": s.boxes[""]}
    return Witness(boxes, fields, at={"x": s.points()}, kinds=kinds("ℓ π0 p q r"), name=f"{s.case}{name}")


def tight(s: Setting) -> Witness:
    """The encoder is the posterior, so that the bound is an equation."""
    return latent(s, reverse_kernel(s, None), ", the posterior")


def tight_here(case: Case) -> Witness:
    """A bound that is tight."""
    return tight(Setting(case))


def tight_and_narrow(_: Case) -> Witness:
    """The same where log p > 0."""
    return tight(Setting(narrow(), 2.5))


# ------------------------------------------------------------------------------------------------ conditioning on data
def model(s: Setting, before: float) -> Logged:
    """A reverse kernel that is not the exact one: Gaussian about its mean and a wave, of another width."""
    to = s.case.schedule.at(f64(before))
    shift = wave("model", s.dimension, 1, 1, s.width)
    width = 0.9 * float(to.sigma)

    def log(y: Tensor, x: Tensor) -> Tensor:
        return log_normal(y, s.at(s.t).reverse(x, to).mean() + width / 3 * torch.sin(shift(x)), width)

    return Logged(log)


def two_steps(s: Setting) -> Witness:
    """x_i = x at the setting's time, x_{i-1} = y before it; all kernels are the implementation's."""
    before = level(s, 0.7)
    earlier = Setting(s.case, s.lam + 0.7)
    fields = {
        "p0": s.clean,
        "m": s.kernel,
        "n": level_kernel(s, before),
        "q": transition(s, before),
        "r": bayes(s, before),
        "p": s.marginal,
        "b": reverse_kernel(s, before),
        "f": model(s, before),
    }
    width = _posterior_width(s, before)
    boxes = {"x0": earlier.boxes["x0"], "y": finer(earlier.boxes[""], width), "": s.boxes[""]}
    at = {"x": s.points(), "y": earlier.points()}
    return Witness(boxes, fields, at=at, kinds=kinds("p0 m n q r p b f"), name=str(s.case))


def _posterior_width(s: Setting, before: float) -> float:
    a, sigma = s.case.level(before)
    return sigma / s.sigma * math.sqrt(s.sigma**2 - (s.alpha / a * sigma) ** 2)


def best_model(s: Setting) -> Witness:
    """The model is the mixture kernel."""
    w = two_steps(s)
    return Witness(w.boxes, {**w.fields, "f": w.fields["b"]}, at=w.at, kinds=w.kinds, name=f"{s.case}, the best model")


def uneven(s: Setting) -> Witness:
    """The same for another kernel r, whose width depends on both points, so that its entropy does; b by its definition."""
    w = two_steps(s)
    centre, width = (wave(name, s.dimension, rank, 2, s.width) for name, rank in (("centre", 1), ("width", 0)))

    def log(y: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        deviation = 0.7 + 0.15 * torch.sin(width(x, x0))
        off = (y - torch.sin(centre(x, x0))).square().sum(-1) / (2 * deviation**2)
        return -off - s.dimension * (deviation.log() + math.log(2 * math.pi) / 2)

    fields = {name: f for name, f in w.fields.items() if name != "b"} | {"r": Logged(log)}
    boxes = {**w.boxes, "y": cube(s.dimension, 8.0, 0.35)}
    return Witness(boxes, fields, at=w.at, kinds=w.kinds, name=f"{s.case}, another kernel")


# ------------------------------------------------------------------------------------------------ DDPM
LEVELS = (0.8, 0.0, -0.6, -1.2)


def chain(s: Setting) -> DDPM:
    """The chain that the schedule's variance-preserving twin makes at these levels."""
    twin = VariancePreserving(s.case.schedule)
    return DDPM.from_schedule(twin, twin.t_of_lam(f64(LEVELS)))


def normal(moments: Callable[[], tuple[Tensor, Tensor]], at: Tensor) -> Tensor:
    """log N(at; mean, variance) for a mean and one variance."""
    centre, variance = moments()
    return log_normal(at, centre, variance.flatten()[0].sqrt())


def third_step(s: Setting) -> Witness:
    """The kernels of the chain's third step, all by the implementation."""
    ddpm, i = chain(s), 3
    fields = {
        "q": Logged(lambda x, y: normal(lambda: ddpm.transition(y, i), x)),
        "m": Logged(lambda y, x0: normal(lambda: ddpm.kernel(x0, i - 1), y)),
        "n": Logged(lambda x, x0: normal(lambda: ddpm.kernel(x0, i), x)),
        "r": Logged(lambda y, x, x0: normal(lambda: ddpm.posterior(x, x0, i), y)),
    }
    constants = {"β": float(ddpm.beta[i - 1]), "ā": float(ddpm.alpha_bar[i - 1])}
    at = {"x0": clean_points(s), "ε": noise_points(s), "y": s.points(), "x": 0.8 * s.points() + noise_points(s, "x")}
    box = cube(s.dimension, 1.0, 0.5)
    return Witness({"": box}, fields, constants, at=at, kinds=kinds("q m n r"), name=str(s.case))


def third_step_integrated(s: Setting) -> Witness:
    """The same, with room to integrate over x_{i-1}."""
    w, ddpm = third_step(s), chain(s)
    width = float((ddpm.beta[2] * ddpm.noise[2] / ddpm.noise[3]).sqrt())
    x0, x = clean_points(s), 0.5 * clean_points(s) + noise_points(s, "x")
    middle = torch.cat([x0, x, 0 * x])
    return replace(w, boxes={"": about(middle, width)}, at={"x0": x0, "x": x})


def forward_chain(ddpm: DDPM) -> dict[str, Logged]:
    """q(k; x, y), m(k; x, x0) and r(k; y, x, x0); m(0) and r(1) have no density, and a chain says nothing of them."""

    def q(k: int, x: Tensor, y: Tensor) -> Tensor:
        return normal(lambda: ddpm.transition(y, _step(ddpm, k)), x)

    def m(k: int, x: Tensor, x0: Tensor) -> Tensor:
        return log_normal(x, x0, 1.0) if k == 0 else normal(lambda: ddpm.kernel(x0, _step(ddpm, k)), x)

    def r(k: int, y: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        if k == 1:
            return log_normal(y, x0, 1.0) + 0 * x.sum(-1)
        return normal(lambda: ddpm.posterior(x, x0, _step(ddpm, k)), y)

    return {"q": Logged(q), "m": Logged(m), "r": Logged(r)}


def _step(ddpm: DDPM, k: int) -> int:
    if not 1 <= k <= ddpm.steps:
        raise LookupError(f"no step {k}")
    return k


def whole_chain(s: Setting) -> Witness:
    """The learned chain has the exact predictor's means, so that its bound is no equation."""
    ddpm = chain(s)
    predict = exact(Setting(s.case.under(VariancePreserving(s.case.schedule)), s.lam))

    def f(k: int, y: Tensor, x: Tensor) -> Tensor:
        k = _step(ddpm, k)
        return log_normal(y, ddpm.reverse_mean(predict, x, k), ddpm.reverse_variance(k, "beta").sqrt())

    fields = {**forward_chain(ddpm), "f": Logged(f), "π0": Logged(lambda x: log_normal(x, 0 * x, 1.0))}
    return _chain_witness(s, fields, clean_points(s, 2), s.case)


def known_point(where: Callable[[Case], Case], width: float) -> Callable[[Case], Witness]:
    """Data that are one point c: with r(·, c) and N(c, width²) for the model the bound at c is an equation."""

    def make(case: Case) -> Witness:
        s = Setting(where(case))
        ddpm, c = chain(s), f64([[0.4] * s.dimension])
        forward = forward_chain(ddpm)

        def f(k: int, y: Tensor, x: Tensor) -> Tensor:
            if _step(ddpm, k) == 1:
                return log_normal(y, c.expand_as(y), width) + 0 * x.sum(-1)
            made: Tensor = forward["r"].log(k, y, x, c.expand_as(x))
            return made

        fields = {**forward, "f": Logged(f)}
        last = 3
        fields["π0"] = Logged(lambda x: forward["m"].log(last, x, c.expand_as(x)))
        return _chain_witness(s, fields, c, f"one point, of width {width:g}", [last])

    return make


def _chain_witness(s: Setting, fields: dict[str, Logged], x0: Tensor, name: Any, steps: Any = (2, 3)) -> Witness:
    ddpm = chain(s)
    low, high = float(x0.min()), float(x0.max())
    widest = float(ddpm.noise[-1].sqrt())
    thinnest = min(float((ddpm.beta[i] * ddpm.noise[i] / ddpm.noise[i + 1]).sqrt()) for i in range(1, max(steps)))
    box = Box((min(low, 0.0) - 7.5 * widest,), (max(high, 0.0) + 7.5 * widest,), 0.75 * thinnest)
    at = {"x0": x0, "L": list(steps), "k": [2]}
    return Witness({"": box}, fields, at=at, kinds=kinds("q m r f π0"), name=str(name))


#: A noise level for integrals over three points, where all kernels are wide.
NOISY = -0.3
#: The best model, and again where densities are large.
BEST = (lambda case: best_model(Setting(case.line(), NOISY)), lambda _: best_model(Setting(narrow(), 2.5)))

WITNESSES: dict[str, tuple[Factory, ...]] = {
    "elbo": (Factory(latent, more=(tight_here, tight_and_narrow), plane=False),),
    "elbo-gap-is-inference-error": (Factory(latent, more=(lambda _: latent(Setting(narrow(), 1.5)),), plane=False),),
    "marginal-and-conditional-kl": (
        Factory(two_steps, more=(lambda case: uneven(Setting(case.line(), NOISY)),), plane=False, level=NOISY),
    ),
    "reverse-kernel-minimiser": (
        Factory(two_steps, plane=False, level=NOISY),
        Factory(two_steps, more=BEST, plane=False, level=NOISY),
        Factory(two_steps, level=NOISY),
    ),
    "ddpm-kernel": (Factory(third_step_integrated),),
    "ddpm-posterior": (pointwise(third_step),),
    "ddpm-posterior-epsilon-form": (pointwise(third_step),),
    "ddpm-elbo-terms": (
        Factory(
            whole_chain, more=(known_point(lambda _: plain(), 0.7), known_point(lambda _: plain(), 0.1)), plane=False
        ),
    ),
}
