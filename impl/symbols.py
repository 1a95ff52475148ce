"""Symbols that mean something else elsewhere, each with the way to ours and back.

    theirs                                             ours
    β_i, a standard deviation (the monograph, ch. 2)   β = β_i²                      β is a variance
    ᾱ of DDPM (α of the DDIM paper)                    α = √ᾱ
    λ = log(α²/σ²) (the monograph 6.2.2, VDM's -γ)     λ = log(α/σ), half of it
    σ of EDM and k-diffusion, a ratio                  λ = -log σ
    guidance scale w of (1 + w) cond - w uncond        ω = 1 + w                     ω cond + (1 - ω) uncond
    η of DDIM as a factor of the variance              √ of it                       a factor of the standard deviation
    α_l, the step of NCSN's Langevin dynamics          η = α_l/2
    time of the flow-matching papers                   t = 1 - their t

and three that take a parameter: `ve_sigma`, `shifted` and `guide`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from concordant.errors import BadInput, unknown

Fn = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Symbol:
    """A symbol of other texts: who writes it, what it is there and here, and the two functions."""

    name: str
    whose: str
    theirs: str
    ours: str
    claim: str
    to_ours: Fn
    from_ours: Fn


_TABLE = [
    Symbol(
        "beta-std", "the monograph, chapter 2", "β_i, the standard deviation that step i adds", "β, the variance",
        "ddpm-kernel", lambda b: b**2, torch.sqrt,
    ),
    Symbol(
        "alpha-bar", "DDPM, diffusers (`alphas_cumprod`); the DDIM paper writes α for it", "ᾱ = Π(1 - β)", "α = √ᾱ",
        "ddpm-kernel", torch.sqrt, lambda a: a**2,
    ),
    Symbol(
        "log-snr", "the monograph 6.2.2, variational diffusion models (-γ)", "λ = log(α²/σ²)", "λ = log(α/σ)",
        "ddpm-snr-kl", lambda lam: lam / 2, lambda lam: 2 * lam,
    ),
    Symbol(
        "sigma-ratio", "EDM, k-diffusion, diffusers' Euler schedulers (`sigmas`)", "σ, the noise over the data", "λ = -log σ",
        "common-marginals", lambda s: -s.log(), lambda lam: torch.exp(-lam),
    ),
    Symbol(
        "guidance-w", "Ho and Salimans 2022, the monograph 10.3.4, azula, Meta's examples",
        "w of (1 + w) cond - w uncond", "ω = 1 + w, of ω cond + (1 - ω) uncond",
        "", lambda w: 1 + w, lambda omega: omega - 1,
    ),
    Symbol(
        "eta-variance", "azula (`DDIMSampler`)", "η, a factor of the added variance", "a factor of the standard deviation, as in diffusers",
        "ddpm-posterior", torch.sqrt, lambda eta: eta**2,
    ),
    Symbol(
        "langevin-step", "NCSN", "α_l of x + (α_l/2) s + √α_l z", "η of x + η s + √(2η) z",
        "langevin-bias", lambda a: a / 2, lambda eta: 2 * eta,
    ),
    Symbol(
        "flow-time", "Lipman et al., rectified flow, torchcfm, flow_matching", "t, noise at 0 and data at 1", "t = 1 - theirs",
        "flow-matching-clock", lambda t: 1 - t, lambda t: 1 - t,
    ),
]  # fmt: skip
SYMBOLS: dict[str, Symbol] = {s.name: s for s in _TABLE}


def symbol(name: str) -> Symbol:
    """The symbol of that name.

    >>> float(symbol("guidance-w").to_ours(torch.tensor(6.5)))
    7.5
    """
    if name not in SYMBOLS:
        raise unknown("symbol", name, SYMBOLS)
    return SYMBOLS[name]


def guide(conditional: Tensor, unconditional: Tensor, omega: Tensor | float) -> Tensor:
    """ω cond + (1 - ω) uncond: 0 ignores the condition, 1 is the conditional model, more exaggerates it.

    diffusers' `guidance_scale` is this ω.  It may be applied to predictions of any one kind, since conversions are linear.

    >>> guide(torch.tensor([1.0]), torch.tensor([0.0]), 7.5)
    tensor([7.5000])
    """
    return unconditional + omega * (conditional - unconditional)


def ve_sigma(std: Tensor, sigma_min: float = 0.01) -> Tensor:
    """The standard deviation √(σ² - σ_min²) of the VE kernel from clean data, given the σ(t) that code is told.

    Much code noises clean data with σ(t) itself, as if they had been noised with σ_min before.

    >>> ve_sigma(torch.tensor([0.01, 0.05]))
    tensor([0.0000, 0.0490])
    """
    return (std**2 - sigma_min**2).clamp_min(0).sqrt()


def shifted(t: Tensor, shift: float) -> Tensor:
    """The time-shift of flow matching at high resolution (diffusers' `shift`, 3 in SD3): s t/(1 + (s - 1) t).

    On the linear path it moves λ by -log s, and `shifted(·, 1/s)` undoes it.

    >>> shifted(torch.tensor([0.0, 0.5, 1.0]), 3.0)
    tensor([0.0000, 0.7500, 1.0000])
    """
    if not shift > 0:
        raise BadInput(f"shift must be positive: it is {shift:g}")
    return shift * t / (1 + (shift - 1) * t)
