"""Schedules of chains: the cosine schedule cut into steps, and the repair that makes the last step pure noise."""

from __future__ import annotations

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import checks
from concordant.impl.checks import Array
from concordant.impl.schedules.named import VPCosine


def cosine_betas(steps: int = 1000, offset: float = 0.008, most: float = 0.999) -> Tensor:
    """β_i = min(1 - ᾱ(i/L)/ᾱ((i-1)/L), `most`) with ᾱ(t) ∝ cos²((π/2)(t + s)/(1 + s)), of shape (L,).

    The clipping keeps the last steps from removing all signal at once: without it β_L = 1, since ᾱ(1) = 0; with it the chain
    ends at ᾱ_L > 0.  Nichol and Dhariwal 2021, (17).  Raises `BadInput` for no steps, and for numbers out of their range.

    >>> float(cosine_betas(1000).max())
    0.999
    """
    if steps < 1:
        raise BadInput(f"steps must be at least 1: it is {steps}")
    if not 0 < most <= 1:
        raise BadInput(f"most must be in (0, 1]: it is {most:g}")
    if not 0 <= offset < 1:
        raise BadInput(f"offset must be in [0, 1): it is {offset:g}")
    edges = torch.arange(steps + 1, dtype=torch.float64) / steps
    return VPCosine(offset).added_variance(edges[:-1], edges[1:]).clamp(max=most)


def zero_terminal_snr(alpha_bar: Array) -> Tensor:
    """ᾱ of shape (L,) moved so that the last is 0 and the first stays:  √ᾱ ↦ (√ᾱ - √ᾱ_L) √ᾱ_1/(√ᾱ_1 - √ᾱ_L).

    Without it a network never sees pure noise, and sampling starts where it was not trained.  Needs a prediction that is
    not singular at α = 0, such as v.  Lin et al. 2024, algorithm 1.  Raises `BadInput` unless ᾱ falls, from 1 at most to 0 at
    least.

    >>> zero_terminal_snr([0.81, 0.25, 0.01])
    tensor([0.8100, 0.2025, 0.0000], dtype=torch.float64)
    """
    root = checks.real("alpha_bar", alpha_bar, (None,)).sqrt()
    if len(root) < 2 or not bool(root.isfinite().all() & (root.diff() < 0).all() & (root[0] <= 1)):
        raise BadInput("alpha_bar must hold at least two numbers from 1 down to 0, falling")
    moved = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    result: Tensor = moved**2
    return result


__all__ = ["cosine_betas", "zero_terminal_snr"]
