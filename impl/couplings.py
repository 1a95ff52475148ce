"""Couplings of minibatches: which noise goes with which data, chosen so that a cost is least.

A batch of n sources and n targets, paired as drawn, is a sample of the independent coupling.  Paired by the assignment of least
cost it is still a coupling of the same two laws in each place (the pairing permutes), with shorter and straighter paths.

Sources: Pooladian et al. 2023, "Multisample flow matching"; Tong et al. 2024, "Minibatch optimal transport".
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import checks

Cost = Callable[[Tensor, Tensor], Tensor]


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|², (n, m), by a matrix product.

    >>> squared_distances(torch.tensor([[0.0], [1.0]]), torch.tensor([[3.0]]))
    tensor([[9.],
            [4.]])
    """
    centre = (x.mean(0) + y.mean(0)) / 2
    x, y = x - centre, y - centre
    return (x.square().sum(-1, keepdim=True) + y.square().sum(-1) - 2 * x @ y.mT).clamp_min(0)


def assignment(costs: Tensor) -> Tensor:
    """The permutation j (n,) for which Σ_i costs[i, j_i] is least, for costs (n, n).

    Raises `BadInput` for costs that are not square or not finite.

    >>> assignment(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    tensor([1, 0])
    """
    costs = checks.real("costs", costs, (None, None))
    if costs.shape[0] != costs.shape[1]:
        raise BadInput(f"costs must be square: it has shape {tuple(costs.shape)}")
    from scipy.optimize import linear_sum_assignment

    _, columns = linear_sum_assignment(costs.detach().cpu().double().numpy())
    return torch.from_numpy(columns).to(costs.device)


def minibatch(x0: Tensor, x1: Tensor, cost: Cost = squared_distances) -> tuple[Tensor, Tensor]:
    """(x_0, x_1 permuted), paired so that Σ cost is least, for two batches (n, D) of one length.

    `cost` is a function of the two batches with values (n, n).  Raises `BadInput` for batches of different shapes.

    >>> minibatch(torch.tensor([[0.0], [1.0]]), torch.tensor([[5.0], [2.0]]))[1].flatten()
    tensor([2., 5.])
    """
    checks.real("x0", x0, (None, None))
    checks.real("x1", x1, tuple(x0.shape))
    return x0, x1[assignment(cost(x0, x1))]
