"""Witnesses of the conditioning trick, of finite data, of changes of schedule, and of preconditioning."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from concordant.impl import calculus
from concordant.impl.batch import f64
from concordant.impl.conjugate import polar
from concordant.impl.flow import FlowMatching
from concordant.impl.preconditioning import Preconditioning
from concordant.impl.schedules import FlowMatching as Linear
from concordant.impl.schedules import Level
from concordant.impl.sde import LinearSDE, forward_drift, log_prior
from concordant.impl.targets import FiniteDataset, Gaussian, Marginal
from concordant.proofs_tests.bridge.fields import Box, Setting, cube
from concordant.proofs_tests.bridge.values import Callback, Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.common import (
    Factory,
    any_diffusion,
    clean_points,
    exact,
    functions,
    here,
    kinds,
    level,
    level_kernel,
    noise_points,
    pointwise,
    transition,
)
from concordant.proofs_tests.witnesses.unification import predictions


# ------------------------------------------------------------------------------------------------ conditioning
def conditioned(s: Setting) -> Witness:
    """All kernels are the implementation's: y = x_s before x = x_t, and both marginals."""
    before, sooner = level(s, 0.5), Setting(s.case, s.lam + 0.5)
    fields: dict[str, Any] = {"p0": s.clean, "k": transition(s, before), "n": s.kernel, "m": level_kernel(s, before)}
    fields |= {"p": s.marginal, "o": sooner.marginal, "f": s.drift}
    g = float(LinearSDE(s.case.schedule).diffusion(f64(s.t)))
    boxes = {"x0": sooner.boxes["x0"], "": s.boxes[""]}
    at = {"x": s.points(), "y": sooner.points()}
    return Witness(boxes, fields, {"g": g}, at=at, kinds=kinds("p0 k n m p o", "f"), name=str(s.case))


def dataset(s: Setting) -> Witness:
    """Four data points with unequal weights; p and o are the implementation's laws of them at two times."""
    before, n = level(s, 0.5), 4
    points, weights = clean_points(s, n), f64([0.1, 0.2, 0.3, 0.4])

    def law(last: int) -> FiniteDataset:
        if not 1 <= last <= n:
            raise LookupError(f"no data point {last}")
        return FiniteDataset(points[:last], weights[:last] / weights[:last].sum())

    def mass(last: int) -> Tensor:
        return weights[:last].sum().log()

    def numbered(values: Tensor) -> Any:
        def at(k: int) -> Tensor:
            if not 1 <= k <= n:
                raise LookupError(f"no data point {k}")
            return values[k - 1]

        return at

    point, weight, kernel = numbered(points), numbered(weights), s.kernel.log
    sooner = level_kernel(s, before).log
    fields: dict[str, Any] = {
        "z": point,
        "w": weight,
        "q": Logged(lambda x, k, t: kernel(x, point(k), t)),
        "p": Logged(lambda x, t, last: law(last).at(s.case.schedule, f64(t)).log_prob(x) + mass(last)),
        "n": transition(s, before),
        "m": Logged(lambda y, k: sooner(y, point(k))),
        "o": Logged(lambda y, last: law(last).at(s.case.schedule, f64(before)).log_prob(y) + mass(last)),
    }
    at = {"x": s.points(), "y": Setting(s.case, s.lam + 0.5).points(), "t": s.t, "N": n, "k": [1, 3], "j": [2, 4]}
    box = {"": cube(s.dimension, 1.0, 0.5)}
    return Witness(box, fields, {}, functions(s), at=at, kinds=kinds("q p n m o", "z w"), name=str(s.case))


# ------------------------------------------------------------------------------------------------ changes of schedule
def combined(s: Setting) -> Witness:
    """One path of the schedule, and any A and B."""
    at = here(s, x0=clean_points(s), ε=noise_points(s))
    return Witness({"": cube(s.dimension, 1.0, 0.5)}, {}, {"A": -0.7, "B": 1.3}, functions(s), at=at, name=str(s.case))


def on_a_circle(s: Setting) -> Witness:
    """The polar coordinates of the schedule are the implementation's."""
    w, clock = predictions(s), s.case.schedule
    circle: dict[str, Callback] = {
        "R": lambda t: polar(clock, t).radius,
        "θ": lambda t: polar(clock, t).angle,
        "C": lambda t: clock.alpha(t) / polar(clock, t).radius,
        "S": lambda t: clock.sigma(t) / polar(clock, t).radius,
    }
    at = here(s, x0=clean_points(s), ε=noise_points(s))
    return Witness(w.boxes, w.fields, {}, circle, at=at, kinds=w.kinds, name=str(s.case))


def two_velocities(s: Setting) -> Witness:
    """Two predictions of the noise; the velocities that they are on the schedule, and on the linear path."""
    fields: dict[str, Callback] = {}
    for mark in ("\u0302", "\u0303"):
        noise = s.arbitrary(f"noise{mark}")

        def clean(x: Tensor, t: Any, noise: Callback = noise) -> Tensor:
            n = s.case.schedule.at(f64(t))
            made: Tensor = (x - n.sigma[..., None] * noise(x)) / n.alpha[..., None]
            return made

        def velocity(x: Tensor, t: Any, noise: Callback = noise, clean: Callback = clean) -> Tensor:
            return FlowMatching(s.case.schedule).two_sided(clean(x, t), noise(x), f64(t).expand(x.shape[:-1]))

        def linear(x: Tensor, t: Any, noise: Callback = noise, clean: Callback = clean) -> Tensor:
            return FlowMatching(Linear()).two_sided(clean(x, t), noise(x), f64(0.5))

        fields["ε" + mark] = lambda x, t, noise=noise: noise(x)
        fields |= {"x" + mark: clean, "v" + mark: velocity, "u" + mark: linear}
    box = {"": cube(s.dimension, 1.0, 0.5)}
    return Witness(box, fields, {}, functions(s), at=here(s), kinds=kinds("", " ".join(fields)), name=str(s.case))


def semilinear(s: Setting) -> Witness:
    """Any field N, and any two constants."""
    at = {"x": s.points(), "y": noise_points(s, "other")}
    box = {"": cube(s.dimension, 1.0, 0.5)}
    return Witness(box, {"N": s.arbitrary("N")}, {"L": 0.8, "K": 1.7}, at=at, kinds=kinds("", "N"), name=str(s.case))


def forwards(s: Setting) -> Witness:
    """Gaussian data, and ρ with the moments of the forward process from an earlier time, read off the implementation's drift."""
    one = Setting(s.case.gaussian(), s.lam)
    clock, start = s.case.schedule, level(s, 0.6)
    fields: dict[str, Any] = {"p": one.marginal, "f": lambda x, t: LinearSDE(clock).drift(x, f64(t))}
    fields["ρ"] = Logged(moved(one, start))
    given = functions(one) | {"γ": any_diffusion}
    return Witness(one.boxes, fields, {}, given, at=here(one), kinds=kinds("p ρ", "f"), name=str(one.case))


def moved(s: Setting, start: float) -> Callback:
    """log ρ(x, t) for dx = (A x + b) dt + γ dw: m' = A m + b, V' = A V + V Aᵀ + γ²."""
    sde, model, d = LinearSDE(s.case.schedule), exact(s), s.dimension
    drift = forward_drift(
        lambda x, t: sde.ode_drift(model, x, t), lambda x, t: sde.score(model, x, t), lambda t: any_diffusion(t)
    )
    eye = torch.eye(d, dtype=torch.float64)

    def slope(state: Tensor, t: Tensor) -> Tensor:
        rows = drift(torch.cat([0 * eye[:1], eye]), t)
        b, a = rows[0], (rows[1:] - rows[0]).mT
        centre, covariance = state[:d], state[d:].reshape(d, d)
        spread = a @ covariance + covariance @ a.mT + any_diffusion(t) ** 2 * eye
        return torch.cat([a @ centre + b, spread.flatten()])

    def log(x: Tensor, t: Any) -> Tensor:
        law, (alpha, sigma) = s.case.as_gaussian, s.case.level(start)
        first = torch.cat([alpha * law.mean, (alpha**2 * law.covariance + sigma**2 * eye).flatten()])
        rows = x.reshape(-1, d)
        each = f64(t).expand(x.shape[:-1]).reshape(-1)
        made = x.new_zeros(len(rows))
        for u in each.unique():
            state = calculus.solve(slope, first, start, float(u), 1e-12, 1e-13)
            law_u = torch.distributions.MultivariateNormal(state[:d], state[d:].reshape(d, d))
            made = torch.where(each == u, law_u.log_prob(rows), made)
        return made.reshape(x.shape[:-1])

    return log


# ------------------------------------------------------------------------------------------------ preconditioning
def standard(s: Setting) -> tuple[dict[str, Any], dict[str, Box]]:
    """Noise z ~ N(0, I) as `n`, clean data as `p0`, and boxes for them."""
    reach, spacing = (9.0, 0.6) if s.dimension == 1 else (7.0, 0.75)
    fields = {"n": Logged(lambda z: log_prior(z, 1.0)), "p0": s.clean}
    return fields, {"x0": s.boxes["x0"], "": cube(s.dimension, reach, spacing)}


def scaled(s: Setting) -> Witness:
    """σ_d is the root mean square of a coordinate of the data."""
    fields, boxes = standard(s)
    target = s.case.target
    total = target.covariance.diagonal().sum() + target.mean.square().sum()
    numbers = {"α_t": s.alpha, "σ_t": s.sigma, "σ_d": float((total / target.dimension).sqrt()), "c_x": 0.37}
    return Witness(boxes, fields, numbers, kinds=kinds("n p0"), name=str(s.case))


def network(s: Setting) -> Witness:
    """The implementation's scales and any network."""
    c = Preconditioning(s.case.schedule, 0.7).scales(f64(s.t))
    at = {"x": s.points(), "x0": clean_points(s)}
    numbers = {"c_skip": float(c.c_skip), "c_out": float(c.c_out)}
    box = {"": cube(s.dimension, 1.0, 0.5)}
    return Witness(box, {"F": s.arbitrary("F")}, numbers, at=at, kinds=kinds("", "F"), name=str(s.case))


def joint(s: Setting) -> Witness:
    """The joint density of data and noised point; their moments in closed form."""
    target = s.case.target
    square = float(target.covariance.diagonal().sum() + target.mean.square().sum())
    numbers = {"A": s.alpha * square, "V": s.alpha**2 * square + s.sigma**2 * target.dimension, "c_x": 0.37}
    return Witness(s.boxes, {"q": s.kernel, "p0": s.clean}, numbers, kinds=kinds("q p0"), name=str(s.case))


def normal_data(s: Setting) -> Witness:
    """The implementation's law of normal data of variance σ_d²."""
    spread = 0.7
    one = f64(s.alpha)
    law = Marginal(
        Gaussian(torch.zeros(s.dimension, dtype=torch.float64), spread**2), Level(one, f64(s.sigma), one, one, one)
    )
    numbers = {"α_t": s.alpha, "σ_t": s.sigma, "σ_d": spread}
    fields = {"p": Logged(law.log_prob)}
    return Witness(s.boxes, fields, numbers, at={"x": s.points()}, kinds=kinds("p"), name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "conditioning-trick": (Factory(conditioned),) * 3,
    "finite-data-oracle": (pointwise(dataset),) * 4,
    "invertible-conversions": (pointwise(combined),) * 3,
    "trigonometric-flows": (pointwise(on_a_circle),) * 4,
    "velocity-loss-under-schedules": (pointwise(two_velocities),),
    "semilinear-lipschitz": (pointwise(semilinear),) * 2,
    "forward-family": (pointwise(forwards),),
    "edm-preconditioning": (Factory(scaled),) * 3,
    "edm-effective-loss": (pointwise(network),),
    "linear-mmse": (Factory(joint, plane=False), pointwise(normal_data)),
}
