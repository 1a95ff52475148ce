"""Witnesses of linear SDEs: their reversal, the probability flow, and their Gaussian kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from concordant.impl import calculus
from concordant.impl.batch import f64
from concordant.impl.flow import FlowMatching
from concordant.impl.sde import LinearSDE
from concordant.proofs_tests.arbitrary import log_normal
from concordant.proofs_tests.bridge.fields import Setting, cube, trajectory
from concordant.proofs_tests.bridge.values import Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.calculus import evolution
from concordant.proofs_tests.witnesses.common import (
    Factory,
    any_diffusion,
    bayes,
    clean_points,
    exact,
    finer,
    functions,
    here,
    kinds,
    level,
    level_kernel,
    mean,
    noise_points,
    one_time,
    pointwise,
    transition,
)


# ------------------------------------------------------------------------------------------------ densities
def carried(s: Setting) -> Witness:
    """ρ is the exact density of a later time, carried back by the implementation's probability flow."""
    later = level(s, -0.6)
    flow = FlowMatching(s.case.schedule)

    def rho(x: Tensor, t: Any) -> Tensor:
        end, change = flow.log_likelihood(exact(s), x, float(one_time(t)), later)
        return s.at(later).log_prob(end) + change

    w = evolution(s)
    return replace(w, fields={**w.fields, "ρ": Logged(rho)}, at={**w.at, "t": s.t}, kinds={**w.kinds, "ρ": "density"})


def reversed_by(gamma: Callable[[Tensor], Tensor] | None) -> Callable[[Setting], Witness]:
    """Gaussian data, and ρ with the moments of the reverse process that starts at a later time: see `backwards`."""

    def make(s: Setting) -> Witness:
        one = Setting(s.case.gaussian(), s.lam)
        clock = s.case.schedule
        drift = LinearSDE(clock).drift
        fields: dict[str, Any] = {"p": one.marginal, "ρ": Logged(backwards(one, gamma))}
        fields["f"] = lambda x, t: drift(x, one_time(t))
        given = functions(one) if gamma is None else functions(one) | {"γ": gamma}
        at = {"x": one.points(), "τ": f64(clock.T - one.t)}
        return Witness(one.boxes, fields, {"T": clock.T}, given, at=at, kinds=kinds("p ρ", "f"), name=str(one.case))

    return make


def backwards(s: Setting, gamma: Callable[[Tensor], Tensor] | None) -> Callable[..., Tensor]:
    """log ρ(x, τ) for the implementation's reverse SDE, whose drift A x + b is affine: m' = A m + b, v' = 2 A v + γ²."""
    sde, model, start = LinearSDE(s.case.schedule), exact(s), level(s, -0.6)
    end = s.case.schedule.T
    eye = torch.eye(s.dimension, dtype=torch.float64)

    def slope(state: Tensor, tau: Tensor) -> Tensor:
        t = f64(end - tau)
        extra = sde.diffusion(t) if gamma is None else gamma(t)
        drift = -sde.reverse_drift(model, torch.cat([0 * eye[:1], eye]), t, extra)
        b, a = drift[0], (drift[1:] - drift[0]).mT
        centre, covariance = state[: s.dimension], state[s.dimension :].reshape(s.dimension, s.dimension)
        spread = a @ covariance + covariance @ a.mT + extra**2 * eye
        return torch.cat([a @ centre + b, spread.flatten()])

    def log(x: Tensor, tau: Any) -> Tensor:
        law, level_ = s.case.as_gaussian, s.case.level(start)
        covariance = level_[0] ** 2 * law.covariance + level_[1] ** 2 * eye
        first = torch.cat([level_[0] * law.mean, covariance.flatten()])
        state = calculus.solve(slope, first, end - start, float(one_time(tau)), 1e-12, 1e-13)
        centre, covariance = state[: s.dimension], state[s.dimension :].reshape(s.dimension, s.dimension)
        made: Tensor = torch.distributions.MultivariateNormal(centre, covariance).log_prob(x)
        return made

    return log


# ------------------------------------------------------------------------------------------------ along the flow
def along(s: Setting) -> Witness:
    """A trajectory of the exact velocity; the divergence u is the implementation's, and c what is left of continuity."""
    velocity, score = mean(s, "velocity"), mean(s, "score")
    density = s.marginal.log

    def slope(x: Tensor, t: Any) -> Tensor:
        made: Tensor = density(x, t).exp()[..., None] * score(x, t)
        return made

    fields: dict[str, Any] = {
        "p": s.marginal,
        "v": velocity,
        "u": lambda x, t: s.at(t).divergence(x, "velocity"),
        "h": slope,
    }
    curves = {"z": trajectory(velocity, s.points(1)[0], s.t)}
    return Witness(s.boxes, fields, {}, functions(s), curves, here(s), kinds("p", "v u h"), name=str(s.case))


def whole_way(s: Setting) -> Witness:
    """From the data to the setting's time."""
    w, end = along(s), s.t
    return replace(w, constants={"T": end}, at={"x": s.points(), "t": f64([0.3, 0.5, 0.7, 0.9]) * end})


# ------------------------------------------------------------------------------------------------ linear SDEs
def moments(s: Setting) -> Witness:
    """The moments of the exact p under the schedule's f and g; p does not move out of the box."""
    return Witness(s.boxes, {"p": s.marginal}, {}, functions(s), at={"t": s.t}, kinds=kinds("p"), name=str(s.case))


def kernel_by_moments(s: Setting) -> Witness:
    """q is the implementation's kernel; p has the moments that the SDE's equations give, from the kernel of an earlier time."""
    clock, early = s.case.schedule, level(s, 0.7)
    first = s.case.level(early)

    def slope(state: Tensor, t: Tensor) -> Tensor:
        return torch.stack([clock.f(t) * state[0], 2 * clock.f(t) * state[1] + clock.g2(t)])

    def log(x: Tensor, x0: Tensor, t: Any) -> Tensor:
        start = f64([first[0], first[1] ** 2])
        scale, variance = calculus.solve(slope, start, early, float(one_time(t)), 1e-12, 1e-14)
        return log_normal(x, scale * x0, variance.sqrt())

    x0 = clean_points(s)
    at = {"x": s.alpha * x0 + s.sigma * noise_points(s), "x0": x0, "t": s.t}
    fields: dict[str, Any] = {"p": Logged(log), "q": s.kernel}
    return Witness(s.boxes, fields, {}, functions(s), at=at, kinds=kinds("p q"), name=str(s.case))


def rates(s: Setting) -> Witness:
    """The schedule alone."""
    box = {"": cube(s.dimension, 1.0, 0.5)}
    return Witness(box, {}, {}, functions(s), at={"t": times_of(s)}, name=str(s.case.schedule.name))


def times_of(s: Setting) -> Tensor:
    """Times all over the clock."""
    return f64([s.case.time(lam) for lam in (2.0, 0.7, -0.4, -1.3)])


# ------------------------------------------------------------------------------------------------ kernels between times
def kernels(s: Setting) -> Witness:
    """y = x_s before x = x_t: all kernels are the implementation's, for points that belong together."""
    before = level(s, 0.8)
    a, sigma = s.case.level(before)
    sde = LinearSDE(s.case.schedule)
    x0, guess = clean_points(s), clean_points(s) + 0.4 * noise_points(s, "guess")
    x = s.alpha * x0 + s.sigma * noise_points(s)
    y = a * x0 + sigma * noise_points(s, "before")
    r = bayes(s, before)
    width = float(sde.posterior(x, x0, f64(before), f64(s.t))[1].flatten()[0].sqrt())
    fields = {"m": level_kernel(s, before), "k": transition(s, before), "n": s.kernel, "r": r, "q": r}
    later = s.case.level(level(s, -0.6))
    numbers = {"α_s": a, "α_t": s.alpha, "α_u": later[0], "σ_s": sigma, "σ_t": s.sigma, "σ_u": later[1]}
    boxes = {"": finer(Setting(s.case, s.lam + 0.8).boxes[""], width)}
    at = {"x": x, "y": y, "x0": x0, "x̂0": guess}
    return Witness(boxes, fields, numbers, at=at, kinds=kinds("m k n r q"), name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "fokker-planck-is-continuity": (pointwise(evolution), pointwise(evolution)),
    "probability-flow-ode": (Factory(carried),),
    "anderson-reversal": (pointwise(reversed_by(None)),),
    "reverse-family": (pointwise(reversed_by(any_diffusion)),),
    "log-density-along-the-flow": (Factory(along), Factory(along)),
    "ode-likelihood": (Factory(whole_way),),
    "linear-sde-moments": (
        Factory(moments),
        Factory(moments),
        pointwise(kernel_by_moments),
    ),
    "schedule-and-sde-coefficients": (Factory(rates, plane=False),) * 3,
    "forward-transition": (Factory(kernels), Factory(kernels, plane=False), Factory(kernels, plane=False)),
    "posterior-kernel": (pointwise(kernels),),
    "ddpm-snr-kl": (Factory(kernels),),
}
