"""Divergences between densities, and the likelihood that the best known of them measures.

    KL(p ‖ q) = E_p log p - E_p log q = ∫ q φ(p/q),     φ(u) = u log u - u + 1 ≥ 0

The first form is why a least forward divergence is a greatest likelihood; the second, an average over q of something that is
never negative, is why it is never negative.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def kl_generator(log_ratio: Tensor) -> Tensor:
    """φ(u) = u log u - u + 1 at u = e^r, for the log-ratio r = log(p/q), without cancellation near r = 0.

    >>> kl_generator(torch.tensor([0.0, 1.0])).round(decimals=4)
    tensor([0., 1.])
    """
    return log_ratio.exp() * log_ratio - torch.expm1(log_ratio)


def expected_log_normal(mean: Tensor, covariance: Tensor, m: Tensor, c: Tensor) -> Tensor:
    """E log N(x; m, c) for x of any law with that mean (D,) and covariance (D, D): a number.

    -½ [tr c⁻¹ covariance + (mean - m)ᵀ c⁻¹ (mean - m) + log det 2πc].
    """
    factor = torch.linalg.cholesky(c)
    off = (mean - m).unsqueeze(-1)
    quadratic = torch.cholesky_solve(covariance + off @ off.mT, factor).diagonal().sum()
    log_det = 2 * factor.diagonal().log().sum() + len(m) * math.log(2 * math.pi)
    value: Tensor = -(quadratic + log_det) / 2
    return value
