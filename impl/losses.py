"""The denoising loss over all times, as a network is trained with it."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.predictions import Predictor
from concordant.impl.sde import LinearSDE


def continuous_dsm(
    process: LinearSDE,
    model: Predictor,
    x0: Tensor,
    noise: Tensor,
    t: Tensor,
    omega: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """½ ω(t) |s(x_t, t) - ∇log p_t(x_t | x_0)|² for each pair (x_0, ε) (..., D) at a time of its own (...), of shape (...).

    Its mean over data, noise and t uniform on [0, T] is the loss of Lai et al. 2025, (4.3.1).  `omega` is a function of
    time, σ² by default, with which the loss is that of noise prediction, ½ |ε̂ - ε|².  Raises `BadInput` where ω is negative.

    >>> import torch
    >>> from concordant.impl.schedules import schedule
    >>> from concordant.impl.predictions import predictor
    >>> process, nothing = LinearSDE(schedule("vp-linear")), predictor(lambda x, t: 0 * x, "epsilon")
    >>> continuous_dsm(process, nothing, torch.zeros(2, 3), torch.ones(2, 3), torch.tensor([0.2, 0.7]))
    tensor([1.5000, 1.5000])
    """
    weight = (process.schedule.sigma(t) ** 2 if omega is None else omega(t)).to(x0)
    if not bool((weight >= 0).all()):
        raise BadInput(f"omega must not be negative: it is {float(weight.min()):g}")
    loss: Tensor = weight * process.dsm_loss(model, x0, noise, t)
    return loss
