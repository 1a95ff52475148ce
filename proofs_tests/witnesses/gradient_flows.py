"""Witnesses of gradient flows: densities on lines and on flows, Langevin dynamics in closed form, and small generators."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.proofs_tests.arbitrary import log_normal, wave
from concordant.proofs_tests.bridge.fields import Setting, cube
from concordant.proofs_tests.bridge.nodes import trapezoid
from concordant.proofs_tests.bridge.values import Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.common import Factory, about, joined, kinds, noise_points, pointwise


def line_of_laws(s: Setting) -> Witness:
    """From p, the law of x_t, to the matched Gaussian's at another time; q is a Gaussian's too."""
    other, third = (Setting(s.case.gaussian(), s.lam + by) for by in (-0.3, 0.2))
    p, end = s.marginal.log, other.marginal.log

    def moved(x: Tensor, eps: Tensor) -> Tensor:
        eps = f64(eps)
        return torch.logaddexp((1 - eps).log() + p(x), eps.log() + end(x))

    fields: dict[str, Any] = {
        "p": s.marginal,
        "q": third.marginal,
        "r": Logged(moved),
        "h": lambda x: end(x).exp() - p(x).exp(),
        "V": s.arbitrary("V", 0),
    }
    boxes = {"": joined(*(one.boxes[""] for one in (s, other, third)))}
    return Witness(boxes, fields, at={"ε": f64([0.1, 0.3, 0.5, 0.8])}, kinds=kinds("p q r", "V"), name=str(s.case))


# ------------------------------------------------------------------------------------------------ Langevin dynamics
#: The time of the flow that is looked at.
NOW = 0.35


def langevin(s: Setting) -> Witness:
    """dx = ∇log q dτ + √2 dw to the standard normal q, from the mixture: x_τ = e^-τ x_0 + √(1 - e^-2τ) ε, the oracle's law."""
    target = s.case.target
    d = target.dimension

    def log_p(x: Tensor, tau: Any) -> Tensor:
        tau = f64(tau)
        return target.at_level((-tau).exp(), (-torch.expm1(-2 * tau)).sqrt()).log_prob(x)

    def log_q(x: Tensor) -> Tensor:
        return log_normal(x, 0 * x, 1.0)

    shrunk = math.exp(-NOW), math.sqrt(1 - math.exp(-2 * NOW))
    reach = 8.5 * math.sqrt(float(target.spectrum.max()) * shrunk[0] ** 2 + shrunk[1] ** 2)
    half = float(target.means.abs().max()) * shrunk[0] + reach
    box = cube(d, max(half, 8.5), 0.22 * shrunk[1])
    one_line = trapezoid(-box.high[0], box.high[0], box.spacing, 1.0) if d == 1 else None

    def divergence(tau: Any) -> Tensor:
        """KL(p_τ ‖ q), on a line."""
        assert one_line is not None
        nodes, weights = one_line
        tau = f64(tau)
        x = nodes.reshape(-1, *[1] * tau.ndim, 1).expand(-1, *tau.shape, 1)
        log = log_p(x, tau.expand(x.shape[:-1]))
        return (weights.reshape(-1, *[1] * tau.ndim) * log.exp() * (log - log_q(x))).sum(0)

    fields: dict[str, Any] = {
        "p": Logged(log_p),
        "q": Logged(log_q),
        "E": lambda x, tau: log_p(x, tau) - log_q(x) + 1,
        "F": divergence,
    }
    x = target.at_level(*shrunk).sample(4, s.case.random("langevin"))
    at = {"x": x, "τ": f64([NOW - 0.05, NOW, NOW + 0.02, NOW + 0.06])}
    return Witness({"": box}, fields, at=at, kinds=kinds("p q", "E"), name=str(s.case))


def at_one_time(s: Setting) -> Witness:
    w = langevin(s)
    return replace(w, at={**w.at, "τ": f64(NOW)})


def forward(s: Setting) -> Witness:
    """p moves at ∇(q/p) at one time: to first order about it, p + (τ - now) ∂_τ p, with the oracle's scores.  q is narrower."""
    law = s.at(s.t)
    width = 0.8 * math.sqrt(float(s.alpha**2 * s.case.target.spectrum.min()) + s.sigma**2)
    centre = s.alpha * s.case.target.mean

    def log_q(x: Tensor) -> Tensor:
        return log_normal(x, centre, width)

    def rate(x: Tensor) -> Tensor:
        """∂_τ p / p = -(q/p) [Δ log(q/p) + ∇log q · ∇log(q/p)]."""
        score = -(x - centre) / width**2
        gap = score - law.score(x)
        bend = -x.shape[-1] / width**2 - law.divergence(x)
        return -(log_q(x) - law.log_prob(x)).exp() * (bend + (score * gap).sum(-1))

    fields: dict[str, Any] = {
        "p": Logged(lambda x, tau: law.log_prob(x) + torch.log1p((f64(tau) - NOW) * rate(x))),
        "q": Logged(log_q),
    }
    box = joined(s.boxes[""], about(centre.reshape(1, -1), width))
    at = {"x": centre + width * noise_points(s), "τ": f64(NOW)}
    return Witness({"": replace(box, spacing=box.spacing * 0.25)}, fields, at=at, kinds=kinds("p q"), name=str(s.case))


# ------------------------------------------------------------------------------------------------ generators
def generator(s: Setting) -> Witness:
    """Samples of a curved generator with one parameter, noised as the setting says; q is the exact law of x_t."""
    half = 6.5
    nodes, weights = trapezoid(-half, half, 0.25, 1.0)
    log_share = weights.log() - nodes.square() / 2 - math.log(2 * math.pi) / 2

    def sample(z: Tensor, theta: Tensor) -> Tensor:
        theta = f64(theta)[..., None]
        return s.alpha * (theta * z + 0.4 * torch.sin(z + theta))

    def motion(x: Tensor, z: Tensor, theta: Tensor) -> Tensor:
        theta = f64(theta)[..., None]
        return s.alpha * (z + 0.4 * torch.cos(z + theta)) + 0 * x

    def log_rho(x: Tensor, z: Tensor, theta: Tensor) -> Tensor:
        return log_normal(x, sample(z, theta), s.sigma) + log_normal(z, 0 * z, 1.0)

    def log_p(x: Tensor, theta: Tensor) -> Tensor:
        z = nodes.reshape(-1, *[1] * x.ndim)
        inside = log_normal(x, sample(z, f64(theta)), s.sigma)
        return torch.logsumexp(inside + log_share.reshape(-1, *[1] * (x.ndim - 1)), 0)

    fields: dict[str, Any] = {
        "ρ": Logged(log_rho),
        "p": Logged(log_p),
        "u": motion,
        "q": s.marginal,
    }
    ends = f64([[-half], [half]])
    box = joined(about(sample(ends, f64(1.0)), s.sigma, 6.0), s.boxes[""])
    boxes = {"z": cube(1, half, 0.25), "": replace(box, spacing=0.22 * s.sigma)}
    return Witness(boxes, fields, at={"θ": f64([0.8, 1.0])}, kinds=kinds("ρ p q", "u"), name=str(s.case))


def regression(s: Setting) -> Witness:
    """Five outputs of a network, so small that its best change solves a linear system."""
    d, many = s.dimension, 5
    random = s.case.random("regression")
    rows = torch.randn(many, d, generator=random, dtype=torch.float64)
    wanted = torch.randn(many, generator=random, dtype=torch.float64)
    eta = 0.3
    best = torch.linalg.lstsq(rows, eta * wanted[:, None]).solution[:, 0]
    nets = [wave(f"output {k}", d, 0) for k in range(many)]

    def row(table: Any) -> Any:
        def at(k: Any) -> Any:
            if not 1 <= int(k) <= many:
                raise LookupError(f"no output {k}")
            return table[int(k) - 1]

        return at

    fields: dict[str, Any] = {
        "J": row(rows),
        "w": row(wanted),
        "d": lambda: best,
        "e": lambda: best + torch.linspace(0.7, -0.4, d, dtype=torch.float64),
        "G": lambda theta, k: row(nets)(k)(theta),
    }
    at = {"n": [many], "k": [2], "θ": noise_points(s)}
    return Witness({"": cube(d, 1.0, 0.5)}, fields, {"η": eta}, at=at, name=str(s.case))


def held(s: Setting) -> Witness:
    """Targets that do not move with the parameters; what is wanted is defined by them."""
    w = regression(s)
    targets = [0.3, -1.1, 0.8, 0.05, 2.0]
    fields = {name: f for name, f in w.fields.items() if name == "G"}
    return replace(w, fields={**fields, "y": lambda k: f64(targets[int(k) - 1])})


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "first-variation": (Factory(line_of_laws, plane=False),) * 4,
    "energy-dissipation": (Factory(langevin, plane=False),),
    "forward-kl-velocity": (pointwise(forward), Factory(forward, plane=False)),
    "reverse-kl-velocity": (pointwise(langevin), pointwise(langevin), Factory(at_one_time, plane=False)),
    "reverse-kl-gradient": (Factory(generator, plane=False),),
    "parameter-update": (pointwise(regression), pointwise(held)),
}
