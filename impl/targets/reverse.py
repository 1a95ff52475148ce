"""The exact reverse kernel of the forward process: p(x_s | x_t) for s < t, and with s = 0, σ_0 = 0 the posterior of x_0.

The forward transition from s to t is N((α_t/α_s) x_s, τ² I) with τ² = σ_t² - (α_t/α_s)² σ_s².  Given component k, x_s is
N(α_s m_k, V_s) beforehand, so that by Bayes, eigenvalue by eigenvalue,

    x_s | x_t, k  ~  N( α_s m_k + (α_t/α_s)(v_s/v_t)(x_t - α_t m_k),  v_s τ²/v_t ),

and the reverse kernel is the mixture of these with the weights P(k | x_t).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import checks
from concordant.impl.batch import column, generator, inner, per_row
from concordant.impl.schedules import Level
from concordant.impl.targets.marginal import Label, View
from concordant.impl.targets.separation import Direct, subtract

if TYPE_CHECKING:
    from concordant.impl.targets.marginal import Marginal


class Reverse:
    """p(x_s | x_t = x), a Gaussian mixture for each point of `x` (see the module's docstring).

    Made by `p_t.reverse(x, schedule.at(s))`, or `p_t.reverse(x)` for the posterior p(x_0 | x_t).  Raises `BadInput`
    unless s comes before t, that is unless τ² > 0 and α_s > 0.  Two levels tell τ² to a relative error of eps/(λ_s - λ_t).
    """

    def __init__(self, marginal: Marginal, x: Tensor, to: Level | None, label: Label) -> None:
        checks.points(x, marginal.mixture.dimension)
        self.batch, self.dimension = x.shape[:-1], x.shape[-1]
        t = Level(*(per_row("t", value.to(x), self.batch) for value in marginal.level))
        label = per_row("label", label, self.batch) if isinstance(label, Tensor) else label
        self.view = View(marginal.mixture, t, x.reshape(-1, self.dimension), label)
        if to is None:
            self.alpha_s, sigma_s = torch.ones_like(t.alpha), torch.zeros_like(t.sigma)
        else:
            self.alpha_s, sigma_s = (per_row("s", value.to(x), self.batch) for value in to[:2])
        ratio = t.alpha / self.alpha_s
        tau2 = (t.sigma - ratio * sigma_s) * (t.sigma + ratio * sigma_s)
        if not bool((tau2 > 0).all()) or not bool((self.alpha_s > 0).all()):
            raise BadInput(
                "s must come before t: the signal-to-noise ratio at s must be larger than at t, and alpha_s > 0"
            )
        self.ratio, self.tau2 = ratio, inner(tau2)
        shrink = (inner(self.alpha_s**2) * self.view.e + inner(sigma_s**2)) / self.view.v  # v_s/v_t
        self.gain, self.variance = inner(ratio) * shrink, shrink * self.tau2

    @property
    def weights(self) -> Tensor:
        """P(k | x_t), of shape (..., K)."""
        return self.view.r.T.reshape(*self.batch, -1)

    def mean(self) -> Tensor:
        """E[x_s | x_t], of shape (..., D)."""
        return self.view.d.combine(self.view.r, self.alpha_s, self.gain).reshape(*self.batch, self.dimension)

    def covariance(self) -> Tensor:
        """Cov[x_s | x_t], of shape (..., D, D)."""
        head = (self.alpha_s, self.gain)
        total = self.view.within(self.variance) + self.view.between(head, head)
        return total.reshape(*self.batch, self.dimension, self.dimension)

    def log_prob(self, x_s: Tensor) -> Tensor:
        """log p(x_s | x_t), of shape (...), for one x_s a point of the batch.

        The distance of x_s from the mean of component k is (τ²/v_t)(x_s - α_s m_k) - (α_t/α_s)(v_s/v_t)(x_t - (α_t/α_s) x_s),
        where no two large terms cancel.  P(k | x_t) is used by its logarithm: it may be less than the least number of the type
        and still decide the sum.  Raises `BadInput` where a component has no width (a Dirac has no density).
        """
        checks.points(x_s, self.dimension, "x_s")
        rows = x_s.expand(*self.batch, self.dimension).reshape(-1, self.dimension)
        if bool((self.variance.detach() <= 0).any()):
            raise BadInput("x_s has no density here: a component of the reverse kernel has no width")
        log_det = self.variance.log().sum(-1) * (self.dimension if self.variance.shape[-1] == 1 else 1)
        mixture, x_t, parts = self.view.mixture, self.view.x, []
        alpha_t, alpha_s = column(self.view.level.alpha), column(self.alpha_s)
        rounded = subtract(alpha_t, self.ratio, alpha_s) / alpha_s  # what the ratio has lost
        moved = subtract(x_t, self.ratio, rows) - rounded * rows
        for part, d_s, _ in Direct(rows, self.alpha_s, mixture.means, mixture.basis).blocks():
            turned = moved if mixture.basis is None else moved @ mixture.basis[part]
            off = self.tau2 / self.view.v[part] * d_s - self.gain[part] * turned
            parts.append((off.square() / self.variance[part]).sum(-1))
        log_normal = -(torch.cat(parts) + log_det + self.dimension * math.log(2 * math.pi)) / 2
        return (self.view.log_joint.log_softmax(0) + log_normal).logsumexp(0).reshape(self.batch)

    def sample(self, n: int, seed: int | torch.Generator | None = None) -> Tensor:
        """n samples of x_s for each point of the batch, of shape (n, ..., D)."""
        view = self.view
        random = generator(seed, view.x.device)
        size = (n, len(view.x), self.dimension)
        chosen = torch.multinomial(view.r.T, n, replacement=True, generator=random).T  # (n, B)
        noise = torch.randn(size, generator=random, dtype=view.x.dtype, device=view.x.device)
        out = view.x.new_empty(size)
        for k in range(len(view.r)):  # a component at a time: a rotation each
            here = chosen == k
            if not bool(here.any()):
                continue
            rows = here.nonzero()[:, 1]
            mixture = view.mixture.only(k)
            one = View(mixture, Level(*(c if c.ndim == 0 else c[rows] for c in view.level)), view.x[rows]).direct
            gain, deviation = (_rows(c[k : k + 1], rows) for c in (self.gain, self.variance.sqrt()))
            alpha_s = self.alpha_s if self.alpha_s.ndim == 0 else self.alpha_s[rows]
            mean = one.combine(view.x.new_ones(1, len(rows)), alpha_s, gain)
            out[here] = mean + one.unrotate(slice(0, 1), deviation * noise[here]).squeeze(0)
        return out.reshape(n, *self.batch, self.dimension)


def _rows(c: Tensor, rows: Tensor) -> Tensor:
    return c if c.shape[1] == 1 else c[:, rows]
