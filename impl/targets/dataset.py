"""The empirical distribution of a data set, as a target."""

from __future__ import annotations

import torch

from concordant.impl import checks
from concordant.impl.checks import Array
from concordant.impl.targets.mixture import GaussianMixture


class FiniteDataset(GaussianMixture):
    """p_0 = Σ_i w_i δ(x_0 - x^(i)): a mixture of Diracs, one for each row of `points` (N, D).

    Its denoiser is the softmax average E[x_0 | x_t] = Σ_i r_i x^(i), r_i ∝ w_i exp(-|x_t - α x^(i)|²/(2σ²)): what a network
    that has memorised the data set would compute.  It needs σ > 0.  `weights` are equal unless given.

    >>> import concordant as cd
    >>> data = cd.FiniteDataset([[0.0, 0.0], [1.0, 1.0]])
    >>> data.at(cd.schedule("edm"), 0.1).x0(torch.tensor([0.9, 0.8]))
    tensor([1., 1.])
    """

    def __init__(self, points: Array, weights: Array | None = None, labels: Array | None = None) -> None:
        points = checks.real("points", points, (None, None))
        n = max(1, len(points))
        super().__init__(torch.full((n,), 1 / n) if weights is None else weights, points, 0.0, labels)
