"""Witnesses of Gaussian averages: mixtures before and after the noise, a Gaussian moved by any velocity, random probes."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.targets import Gaussian, GaussianMixture
from concordant.proofs_tests.arbitrary import log_normal, wave
from concordant.proofs_tests.bridge.fields import Box, Setting, cube, trajectory
from concordant.proofs_tests.bridge.values import Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.common import Factory, kinds, mean, noise_points, pointwise, times


# ------------------------------------------------------------------------------------------------ mixtures
def mixture(s: Setting) -> Witness:
    """Components, their marginals, their posteriors and the whole marginal, all the implementation's; normalising constants by
    determinants.  One more component stands ready for a statement with another number of them."""
    target, alpha, sigma = s.case.target, f64(s.alpha), f64(s.sigma)
    eye = torch.eye(s.dimension, dtype=torch.float64)
    many, bare, still = target.components, f64(1.0), f64(0.0)
    one = [target.only(k) for k in range(many)]
    one.append(Gaussian(0.7 * target.means[0] + 0.3, target.covariances[-1] + 0.2 * eye))
    weights = [*target.weights.tolist(), 0.25]
    before = [law.covariances[0] for law in one]
    after = [alpha**2 * c + sigma**2 * eye for c in before]

    def constant(matrix: Tensor) -> Tensor:
        """½ log|2π A|."""
        half: Tensor = torch.linalg.slogdet(2 * math.pi * matrix)[1] / 2
        return half

    def rest(k: int) -> Tensor:
        inverse: Tensor = torch.linalg.inv(torch.linalg.inv(before[k - 1]) + alpha**2 / sigma**2 * eye)
        return inverse

    def noisy(x: Tensor, k: int) -> Tensor:
        return one[k - 1].at_level(alpha, sigma).log_prob(x)

    def whole(x: Tensor, last: int) -> Tensor:
        if last == many:
            return s.at(s.t).log_prob(x)
        return torch.stack([noisy(x, k) + math.log(weights[k - 1]) for k in range(1, last + 1)]).logsumexp(0)

    fields: dict[str, Any] = {
        "q": s.kernel,
        "g": Logged(lambda x, k: one[k - 1].at_level(bare, still).log_prob(x)),
        "h": Logged(noisy),
        "r": Logged(lambda x0, x, k: one[k - 1].at_level(alpha, sigma).reverse(x).log_prob(x0)),
        "p": Logged(whole),
        "w": lambda k: f64(weights[k - 1]),
        "m": lambda k: one[k - 1].means[0],
        "C": lambda k: before[k - 1],
        "P": lambda k: torch.linalg.inv(before[k - 1]),
        "W": lambda k: torch.linalg.inv(after[k - 1]),
        "zg": lambda k: constant(before[k - 1]),
        "zh": lambda k: constant(after[k - 1]),
        "zr": lambda k: constant(rest(k)),
    }
    at = {"x": s.points(), "n": [1, many], "K": [many]}
    numbers = {"α_t": s.alpha, "σ": s.sigma}
    polynomial = "w m C P W M U zg zh zr c"
    return Witness(s.boxes, fields, numbers, at=at, kinds=kinds("q g h r p", polynomial), name=str(s.case))


# ------------------------------------------------------------------------------------------------ closure
def moved(s: Setting) -> Witness:
    """A Gaussian, and any velocity; numbers of no schedule."""
    c = 0.7
    centre = torch.linspace(0.4, -0.9, s.dimension, dtype=torch.float64)
    fields: dict[str, Any] = {
        "q": Logged(lambda x: log_normal(x, centre, c)),
        "v": wave("v", s.dimension, scale=2.0),
        "m": lambda: centre,
        "a": lambda: torch.linspace(0.9, -0.7, s.dimension, dtype=torch.float64),
    }
    at = {"x": centre + c * noise_points(s)}
    numbers = {"c": c, "h": 0.3, "ϑ": -0.6, "ς": 0.8}
    box = {"": Box(tuple((centre - 7.5 * c).tolist()), tuple((centre + 7.5 * c).tolist()), 0.5 * c)}
    return Witness(box, fields, numbers, at=at, kinds=kinds("q", "v m a e"), name="a Gaussian")


# ------------------------------------------------------------------------------------------------ random probes
APART = 0.6


def probes(s: Setting) -> Witness:
    """Each coordinate of a probe is ±a and a normal number, of variance 1 together, and excess kurtosis -2 a⁴; the field is the
    exact velocity, its Jacobian the implementation's."""
    d, width = s.dimension, math.sqrt(1 - APART**2)
    law = GaussianMixture([0.5, 0.5], f64([[-APART], [APART]]), f64([width**2, width**2])).at_level(f64(1.0), f64(0.0))
    velocity = mean(s, "velocity")

    def log(z: Tensor) -> Tensor:
        return law.log_prob(z.unsqueeze(-1)).sum(-1)

    def jacobian(x: Tensor) -> Tensor:
        """∇v at the setting's time, wherever the trajectory is."""
        return s.at(s.t).jacobian(x, "velocity")

    fields: dict[str, Any] = {"q": Logged(log), "u": lambda x: velocity(x), "J": jacobian}
    side = APART + 8.5 * width
    boxes = {"": cube(d, side, 0.6 * width)}
    curves = {"w": trajectory(velocity, s.points(1)[0], s.t)}
    at = {"x": s.points(), "t": times(s)}
    numbers = {"κ": -2 * APART**4, "T": s.t}
    return Witness(boxes, fields, numbers, {}, curves, at, kinds("q", "u J"), name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "mixture-marginals": (Factory(mixture),),
    "gaussian-closure": (Factory(moved), pointwise(moved), Factory(moved, plane=False), pointwise(moved)),
    "hutchinson": (Factory(probes), Factory(probes), Factory(probes)),
}
