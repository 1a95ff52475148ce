"""The law of x_t = α x_0 + σ ε when x_0 has a mixture law, and everything one may ask of it, in closed form.

With components N(m_k, C_k), C_k = Q_k diag(e_k) Q_kᵀ factored once, every noise level has the same eigenvectors:

    p_t = Σ_k w_k N(α m_k, V_k),             V_k = Q_k diag(v_k) Q_kᵀ,     v_k = α² e_k + σ²
    r_k(x) = P(k | x_t = x) ∝ w_k N(x; α m_k, V_k),                        d_k = x - α m_k

Given the component, x_0 and ε are Gaussian with means linear in d_k; so the conditional mean of any A x_0 + B ε is

    h(x) = Σ_k r_k h_k,     h_k = A m_k + Q_k a_k Q_kᵀ d_k,     a_k = (A α e_k + B σ)/v_k.

This one line is the denoiser (A, B) = (1, 0), the noise (0, 1), the score (0, -1/σ), the velocity (α', σ') and
v-prediction (-σ, α): see `concordant.impl.predictions`.  Nothing is divided by α or by σ, so it is right at both ends of
the clock.  With u_k = V_k⁻¹ d_k and ∇r_k = -r_k (u_k - ū), ū = Σ r_k u_k, its Jacobian is

    ∇h = Σ_k r_k Q_k a_k Q_kᵀ - Σ_k r_k (h_k - h)(u_k - ū)ᵀ,

and Cov[x_0|x_t] = Σ r_k Q_k (e_k σ²/v_k) Q_kᵀ + Σ r_k (μ_k - μ)(μ_k - μ)ᵀ with μ_k = E[x_0|x_t, k].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import checks
from concordant.impl.batch import column, generator, inner, normal_like, per_row
from concordant.impl.predictions import Kind, Prediction, combination
from concordant.impl.schedules import Level
from concordant.impl.targets.separation import Direct, separation

if TYPE_CHECKING:
    from concordant.impl.targets.mixture import GaussianMixture
    from concordant.impl.targets.reverse import Reverse

#: Floating-point numbers that one array of size (components, points) may hold; more points go in several passes.
ROWS = 1 << 23

Label = int | Tensor | None


class View:
    """A mixture at one noise level, seen from points x of shape (B, D)."""

    def __init__(self, mixture: GaussianMixture, level: Level, x: Tensor, label: Label = None) -> None:
        mixture = mixture.to(x)
        self.mixture, self.level, self.x = mixture, level, x
        alpha2, sigma2 = (inner(value**2) for value in level[:2])
        self.e = mixture.spectrum.unsqueeze(1)  # (K, 1, 1 or D)
        self.v = alpha2 * self.e + sigma2  # (K, 1 or B, 1 or D)
        if bool((self.v.detach() <= 0).any()):
            raise BadInput(
                "t must have sigma > 0 for this target: at sigma = 0 a component without width has no density, and "
                "what is asked for is infinite there"
            )
        self.d = separation(x, level.alpha, mixture.means, mixture.basis, self.v, mixture.centre)
        self.label = label

    @cached_property
    def log_joint(self) -> Tensor:
        """log [w_k N(x; α m_k, V_k)], of shape (K, B), -inf for components that do not bear the label."""
        dimension = self.mixture.dimension
        log_det = self.v.log().sum(-1) * (dimension if self.v.shape[-1] == 1 else 1)
        log_normal = -(self.d.quadratic(1 / self.v) + log_det + dimension * math.log(2 * math.pi)) / 2
        log_weights = self.mixture.log_weights.unsqueeze(-1)
        if self.label is not None:
            log_weights = log_weights + self.mixture.log_given(self.label)
        return log_weights + log_normal

    @cached_property
    def log_prob(self) -> Tensor:
        return self.log_joint.logsumexp(0)

    @cached_property
    def r(self) -> Tensor:
        """P(k | x), of shape (K, B)."""
        return self.log_joint.softmax(0)

    def gain(self, kind: str) -> tuple[Tensor, Tensor]:
        """A, and a_k = (A α e_k + B σ)/v_k, of the head h = E[A x_0 + B ε | x]."""
        c = combination(kind, self.level)
        if not bool((c.a.isfinite() & c.b_sigma.isfinite()).all()):
            raise BadInput(f"{kind} needs the schedule's derivatives: make this law by target.at(schedule, t)")
        return c.a, (inner(c.a * self.level.alpha) * self.e + inner(c.b_sigma)) / self.v

    def head(self, kind: str) -> Tensor:
        return self.d.combine(self.r, *self.gain(kind))

    def divergence(self, kind: str) -> Tensor:
        """∇·h = Σ_k r_k tr a_k - Σ_k r_k h_k·u_k + h·ū, of shape (B,)."""
        a_of_head, a = self.gain(kind)
        trace = a.sum(-1) * (self.mixture.dimension if a.shape[-1] == 1 else 1)
        h_dot_u = self.d.quadratic(a / self.v)
        if kind not in ("score", "epsilon"):  # those have A = 0
            h_dot_u = h_dot_u + a_of_head * self.d.bilinear(1 / self.v)
        u = self.d.combine(self.r, torch.zeros_like(self.level.alpha), 1 / self.v)
        return (self.r * (trace - h_dot_u)).sum(0) + (self.head(kind) * u).sum(-1)

    @cached_property
    def direct(self) -> Direct:
        return (
            self.d
            if isinstance(self.d, Direct)
            else Direct(self.x, self.level.alpha, self.mixture.means, self.mixture.basis)
        )

    def within(self, a: Tensor) -> Tensor:
        """Σ_k r_k Q_k diag(a_k) Q_kᵀ, of shape (B, D, D)."""
        basis = self.mixture.basis
        if basis is None:
            mean = (self.r.unsqueeze(-1) * a).sum(0) if a.shape[1] > 1 else self.r.T @ a[:, 0]
            return torch.diag_embed(mean.expand(-1, self.mixture.dimension))
        if a.shape[1] == 1:
            matrices = (basis * a) @ basis.mT
            return torch.einsum("kb,kij->bij", self.r, matrices)
        weighted = self.r.unsqueeze(-1) * a
        return torch.stack([torch.einsum("kd,kid,kjd->ij", weighted[:, b], basis, basis) for b in range(len(self.x))])

    def between(self, left: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor]) -> Tensor:
        """Σ_k r_k (h_k - h)(g_k - g)ᵀ for two heads (β, a), of shape (B, D, D)."""
        h, g = (self.d.combine(self.r, *head) for head in (left, right))
        total = self.x.new_zeros(*self.x.shape, self.x.shape[-1])
        for (part, h_k), (_, g_k) in zip(self.direct.heads(*left), self.direct.heads(*right), strict=True):
            total = total + torch.einsum("kb,kbi,kbj->bij", self.r[part], h_k - h, g_k - g)
        return total

    def jacobian(self, kind: str) -> Tensor:
        gain = self.gain(kind)
        return self.within(gain[1]) - self.between(gain, (torch.zeros_like(self.level.alpha), 1 / self.v))

    def covariance(self) -> Tensor:
        x0 = self.gain("x0")
        return self.within(self.e * inner(self.level.sigma**2) / self.v) + self.between(x0, x0)


class Marginal:
    """p_t, the law of x_t = α x_0 + σ ε, for x_0 from a Gaussian mixture (see the module's docstring).

    Made by `mixture.at(schedule, t)`.  Every method takes points of shape (..., D), in float32 or float64, on any
    device, and computes in that type, there; t is one number, or one for each point (then it broadcasts to the shape of
    the batch).  Gradients flow through x and through t.  `label` asks for the law given a label: one for all points, or
    one for each.

    Accuracy: log p, the score, the posterior mean and the divergence of the score are within 10·eps·(D + q)·κ of the exact
    value, relative to the sum of the absolute values of the terms.  eps is the type's unit in the last place (2e-16, 1e-7),
    q the squared Mahalanobis distance of x to its components (about D for samples of p_t), and κ = 1, or with full
    covariances the condition number of V_k (whose eigenvectors are themselves known to the last place only).  Tested
    against mpmath at 50 digits over σ from 1e-6 to 1e3, α from 1e-6 to 1, means to 1e4 and D from 1 to 784, in
    `proofs_tests/tests/test_oracle_accuracy.py`.

    Raises `BadInput` for points of a wrong shape, type or value, for a t that does not fit them, and where σ = 0 makes
    the quantity infinite.
    """

    def __init__(self, mixture: GaussianMixture, level: Level) -> None:
        self.mixture, self.level = mixture, level

    def _each(self, x: Tensor, label: Label, fn: Callable[[View], Tensor]) -> Tensor:
        """`fn` of the view from each row of `x`, in passes of bounded size, in the batch shape of `x`."""
        checks.points(x, self.mixture.dimension)
        batch = x.shape[:-1]
        level = Level(*(per_row("t", value.to(x), batch) for value in self.level))
        label = per_row("label", label, batch) if isinstance(label, Tensor) else label
        rows = x.reshape(-1, x.shape[-1])
        size = max(1, ROWS // max(self.mixture.components, self.mixture.dimension))
        results = [
            fn(
                View(
                    self.mixture,
                    Level(*(value if value.ndim == 0 else value[i : i + size] for value in level)),
                    rows[i : i + size],
                    label[i : i + size] if isinstance(label, Tensor) and label.ndim else label,
                )
            )
            for i in range(0, max(len(rows), 1), size)
        ]
        result = results[0] if len(results) == 1 else torch.cat(results)
        return result.reshape((*batch, *result.shape[1:]))

    def log_prob(self, x: Tensor, label: Label = None) -> Tensor:
        """log p_t(x), of shape (...)."""
        return self._each(x, label, lambda view: view.log_prob)

    def responsibilities(self, x: Tensor, label: Label = None) -> Tensor:
        """P(k | x_t = x), of shape (..., K)."""
        return self._each(x, label, lambda view: view.r.T)

    def mean(self, x: Tensor, kind: Kind, label: Label = None) -> Tensor:
        """E[A x_0 + B ε | x_t = x] for a kind of prediction, of shape (..., D)."""
        return self._each(x, label, lambda view: view.head(kind))

    def predict(self, x: Tensor, kind: Kind, label: Label = None) -> Prediction:
        """The same, tagged with its kind."""
        return Prediction(kind, self.mean(x, kind, label))

    def score(self, x: Tensor, label: Label = None) -> Tensor:
        """∇ log p_t(x), of shape (..., D)."""
        return self.mean(x, "score", label)

    def x0(self, x: Tensor, label: Label = None) -> Tensor:
        """The denoiser E[x_0 | x_t = x], of shape (..., D)."""
        return self.mean(x, "x0", label)

    def epsilon(self, x: Tensor, label: Label = None) -> Tensor:
        """ε* = E[ε | x_t = x], of shape (..., D)."""
        return self.mean(x, "epsilon", label)

    def v(self, x: Tensor, label: Label = None) -> Tensor:
        """v-prediction E[α ε - σ x_0 | x_t = x], of shape (..., D)."""
        return self.mean(x, "v", label)

    def velocity(self, x: Tensor, label: Label = None) -> Tensor:
        """v* = E[α' x_0 + σ' ε | x_t = x], the velocity dx/dt of the probability flow, of shape (..., D)."""
        return self.mean(x, "velocity", label)

    def covariance(self, x: Tensor, label: Label = None) -> Tensor:
        """Cov[x_0 | x_t = x], of shape (..., D, D)."""
        return self._each(x, label, lambda view: view.covariance())

    def jacobian(self, x: Tensor, kind: Kind = "score", label: Label = None) -> Tensor:
        """∇h(x) of a prediction, entry (i, j) being ∂h_i/∂x_j, of shape (..., D, D); the Hessian of log p_t for the score."""
        return self._each(x, label, lambda view: view.jacobian(kind))

    def divergence(self, x: Tensor, kind: Kind = "score", label: Label = None) -> Tensor:
        """∇·h(x) of a prediction, of shape (...); the Laplacian of log p_t for the score."""
        return self._each(x, label, lambda view: view.divergence(kind))

    def reverse(self, x: Tensor, to: Level | None = None, label: Label = None) -> Reverse:
        """The exact reverse kernel p(x_s | x_t = x) at an earlier level (`schedule.at(s)`), or p(x_0 | x_t = x) for none."""
        from concordant.impl.targets.reverse import Reverse

        return Reverse(self, x, to, label)

    def sample(self, n: int, seed: int | torch.Generator | None = None) -> Tensor:
        """n independent samples of p_t, of shape (n, D)."""
        random = generator(seed, self.mixture.means.device)
        x0 = self.mixture.sample(n, random)
        level = self.level.to(x0)
        return column(level.alpha) * x0 + column(level.sigma) * normal_like(x0, random)
