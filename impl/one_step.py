"""The density after one Euler-Maruyama step from weighted points.

    x = y + h f(y) + g √h z,  y from points y_n with weights w_n:     p̃(x) = Σ_n w_n N(x; y_n + h f(y_n), h g² I)

It obeys ∂_h p̃ = -∇·(p̃ f̃) + ½ g² Δp̃ with f̃(x) = E[f(y) | x], at every h.  Source: Lai et al. 2025, section 4.6.1.
"""

from __future__ import annotations

import math

from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import checks


class Stepped:
    """p̃ for points (N, D), weights (N,), the drift at the points (N, D), g² > 0 and h > 0 (of shape ()).  Gradients flow through h.

    The weights are taken as they are, whatever their sum: those of a quadrature rule will do.  Raises `BadInput` for other shapes,
    a negative weight, and g² or h that is not positive.

    >>> import torch
    >>> one = Stepped(torch.zeros(1, 2), torch.ones(1), torch.ones(1, 2), torch.tensor(2.0), torch.tensor(0.5))
    >>> one.score(torch.ones(1, 2)), one.drift(torch.ones(1, 2))
    (tensor([[-0.5000, -0.5000]]), tensor([[1., 1.]]))
    """

    def __init__(self, points: Tensor, weights: Tensor, drift: Tensor, g2: Tensor, h: Tensor) -> None:
        if points.ndim != 2 or weights.shape != points.shape[:1] or drift.shape != points.shape:
            raise BadInput("points and drift must have shape (N, D), and weights (N,)")
        if not bool((weights >= 0).all()):
            raise BadInput(f"weights must not be negative: the smallest is {float(weights.min()):g}")
        for name, value in {"g2": g2, "h": h}.items():
            if not bool(value > 0):
                raise BadInput(f"{name} must be positive: it is {float(value):g}")
        self.centres, self.log_weights, self.slopes, self.variance = points + h * drift, weights.log(), drift, h * g2

    def _terms(self, x: Tensor) -> Tensor:
        """log [w_n N(x; …)], of shape (..., N)."""
        checks.points(x, self.centres.shape[-1])
        square = x.square().sum(-1, keepdim=True) - 2 * x @ self.centres.mT + self.centres.square().sum(-1)
        constant = x.shape[-1] / 2 * (2 * math.pi * self.variance).log()
        return self.log_weights - square / (2 * self.variance) - constant

    def log_prob(self, x: Tensor) -> Tensor:
        """log p̃(x), of shape (...)."""
        return self._terms(x).logsumexp(-1)

    def score(self, x: Tensor) -> Tensor:
        """∇log p̃(x), of shape (..., D)."""
        return (self._terms(x).softmax(-1) @ self.centres - x) / self.variance

    def drift(self, x: Tensor) -> Tensor:
        """f̃(x) = E[f(y) | x], of shape (..., D)."""
        return self._terms(x).softmax(-1) @ self.slopes
