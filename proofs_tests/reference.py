"""Mixtures the textbook way, by torch.distributions and linear solves, in float64.

One component after another in its own matrix (a vector of variances where that is diagonal); slow, and sharing nothing with `concordant.impl.targets` but the parameters: the other side of agreements.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, MultivariateNormal, Normal

from concordant.impl.targets import GaussianMixture


class Reference:
    """The law of α x_0 + σ ε."""

    def __init__(self, target: GaussianMixture, alpha: Tensor | float, sigma: Tensor | float) -> None:
        self.alpha, self.sigma = (torch.as_tensor(value, dtype=torch.float64) for value in (alpha, sigma))
        self.weights, self.means = target.weights.double(), target.means.double()
        components: Distribution
        if target.basis is None:
            self.clean = target.spectrum.double().expand(-1, target.dimension)
            self.covariances = self.alpha**2 * self.clean + self.sigma**2
            components = Independent(Normal(self.alpha * self.means, self.covariances.sqrt(), validate_args=False), 1)
        else:
            self.clean = target.covariances.double()
            eye = torch.eye(target.dimension, dtype=torch.float64)
            self.covariances = self.alpha**2 * self.clean + self.sigma**2 * eye
            components = MultivariateNormal(self.alpha * self.means, self.covariances, validate_args=False)
        self.law = MixtureSameFamily(Categorical(self.weights, validate_args=False), components, validate_args=False)

    def log_prob(self, x: Tensor) -> Tensor:
        value: Tensor = self.law.log_prob(x.double())
        return value

    def score(self, x: Tensor) -> Tensor:
        """∇ log p by automatic differentiation."""
        x = x.detach().double().requires_grad_()
        (gradient,) = torch.autograd.grad(self.log_prob(x).sum(), x)
        return gradient

    def hessian(self, x: Tensor) -> Tensor:
        """∇² log p by automatic differentiation, twice; (B, D, D)."""
        x = x.detach().double().requires_grad_()
        (gradient,) = torch.autograd.grad(self.log_prob(x).sum(), x, create_graph=True)
        rows = [torch.autograd.grad(gradient[:, i].sum(), x, retain_graph=True)[0] for i in range(x.shape[-1])]
        return torch.stack(rows, 1)

    def _posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """P(k | x) (B, K), and V_k⁻¹(x - α m_k) (B, K, D)."""
        x = x.double()
        d = x.unsqueeze(-2) - self.alpha * self.means
        full = self.covariances.ndim == 3
        u = torch.linalg.solve(self.covariances, d.unsqueeze(-1)).squeeze(-1) if full else d / self.covariances
        components = self.law.component_distribution.log_prob(x.unsqueeze(-2))
        return torch.softmax(self.weights.log() + components, -1), u

    def x0(self, x: Tensor) -> Tensor:
        """E[x_0 | x_t = x] = Σ_k r_k [m_k + α C_k V_k⁻¹ (x - α m_k)]."""
        r, u = self._posterior(x)
        pulled = torch.einsum("kij,bkj->bki", self.clean, u) if self.clean.ndim == 3 else self.clean * u
        means = self.means + self.alpha * pulled
        return torch.einsum("bk,bki->bi", r, means)

    def epsilon(self, x: Tensor) -> Tensor:
        """E[ε | x_t = x] = Σ_k r_k σ V_k⁻¹ (x - α m_k)."""
        r, u = self._posterior(x)
        return self.sigma * torch.einsum("bk,bki->bi", r, u)
