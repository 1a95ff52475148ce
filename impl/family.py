"""Forward processes with the marginals of a flow: any amount of noise, taken off again by the score.

    dx = [v*(x, t) + ½ γ(t)² ∇log p_t(x)] dt + γ(t) dw,   forwards from p_0, has the densities p_t for every γ.

The forward twin of the reverse family (the monograph, proposition 6.4.1).  For γ = g it is dx = f x dt + g dw.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from concordant.impl.batch import column
from concordant.impl.calculus import Field


def forward_drift(velocity: Field, score: Field, gamma: Callable[[Tensor], Tensor]) -> Field:
    """v + ½ γ² s, as a field (x, t); one step of it is `calculus.euler_maruyama_step`.

    >>> import torch
    >>> still, pull, one = (lambda x, t: 0 * x), (lambda x, t: -x), (lambda t: torch.ones_like(t))
    >>> forward_drift(still, pull, one)(torch.tensor([2.0]), torch.tensor(0.5))
    tensor([-1.])
    """
    return lambda x, t: velocity(x, t) + column(gamma(t).to(x)) ** 2 / 2 * score(x, t)
