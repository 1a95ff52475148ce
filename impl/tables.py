"""Finite probability tables, on which every sum is exact: joint laws, latent-variable models, Markov chains.

A table is a tensor of probabilities.  A kernel p(b | a) is a tensor with b on its last axis, which sums to 1.

    KL(p ‖ q) = Σ p log(p/q)                               0 log 0 = 0, and +∞ where q = 0 < p
    I(a; b | c) = Σ p(a,b,c) log [p(a,b,c) p(c)/(p(a,c) p(b,c))]

`Latent` is a model p(z) p(x|z) with its bound on log p(x); `Chain` a forward chain q(x_0) Π q(x_i|x_{i-1}) with its exact
reverse and posterior kernels, and the pieces of the bound that a reverse chain gets from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from concordant.errors import BadInput


def random(shape: Sequence[int], generator: torch.Generator, kernel: bool = False) -> Tensor:
    """A random positive table of the given shape, of sum 1; with `kernel`, of sum 1 along its last axis.

    >>> random((2, 3), torch.Generator().manual_seed(0), kernel=True).sum(-1)
    tensor([1., 1.], dtype=torch.float64)
    """
    table = (
        -torch.rand(*shape, generator=generator, dtype=torch.float64).clamp_min(1e-12).log()
    )  # uniform on the simplex
    table = table + 0.02  # no entry so small that its logarithm rules everything
    return table / (table.sum(-1, keepdim=True) if kernel else table.sum())


def kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(p ‖ q) over the last axis, of shape (...); +∞ where q = 0 < p.

    >>> kl(torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75]))
    tensor(0.1438)
    """
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)


def conditional_information(joint: Tensor) -> Tensor:
    """I(a; b | c) of a joint table p(a, b, c), a number."""
    ac, bc, c = joint.sum(1, keepdim=True), joint.sum(0, keepdim=True), joint.sum((0, 1), keepdim=True)
    return (torch.xlogy(joint, joint * c) - torch.xlogy(joint, ac * bc)).sum()


def conditional_mean(joint: Tensor, values: Tensor) -> Tensor:
    """E[Y | X = a] for a joint table p(a, b) and values (B, D) of Y, of shape (A, D)."""
    return joint @ values / joint.sum(1, keepdim=True)


def conditional_variance(joint: Tensor, values: Tensor) -> Tensor:
    """tr Cov[Y | X = a] for a joint table p(a, b) and values (B, D) of Y, of shape (A,)."""
    off = values - conditional_mean(joint, values).unsqueeze(1)
    return (joint * off.square().sum(-1)).sum(1) / joint.sum(1)


@dataclass(frozen=True)
class Latent:
    """A model p(x, z) = p(z) p(x|z): `prior` (Z,), `decoder` (Z, X)."""

    prior: Tensor
    decoder: Tensor

    def __post_init__(self) -> None:
        if self.decoder.ndim != 2 or self.prior.shape != self.decoder.shape[:1]:
            raise BadInput(
                f"decoder must have shape (Z, X) and prior (Z,): they have {tuple(self.decoder.shape)} and "
                f"{tuple(self.prior.shape)}"
            )

    def evidence(self) -> Tensor:
        """p(x) = Σ_z p(z) p(x|z), (X,)."""
        return self.prior @ self.decoder

    def posterior(self) -> Tensor:
        """p(z|x) by Bayes, (X, Z)."""
        return (self.prior.unsqueeze(-1) * self.decoder / self.evidence()).T

    def elbo(self, encoder: Tensor) -> Tensor:
        """E_q log p(x|z) - KL(q(z|x) ‖ p(z)) for an encoder q(z|x) (X, Z), of shape (X,)."""
        return torch.xlogy(encoder, self.decoder.T).sum(-1) - kl(encoder, self.prior)


@dataclass(frozen=True)
class Chain:
    """A Markov chain q(x_0) Π_i q(x_i|x_{i-1}) on S states: `start` (S,), `steps` (L, S, S), i from 1 to L."""

    start: Tensor
    steps: Tensor

    def kernel(self, i: int) -> Tensor:
        """q(x_i|x_0), (S, S), the identity at i = 0."""
        total = torch.eye(len(self.start)).to(self.start)
        for step in self.steps[:i]:
            total = total @ step
        return total

    def marginal(self, i: int) -> Tensor:
        """q(x_i), (S,)."""
        return self.start @ self.kernel(i)

    def triple(self, i: int) -> Tensor:
        """The joint table q(x_{i-1}, x_0, x_i), (S, S, S)."""
        before = self.start.unsqueeze(-1) * self.kernel(i - 1)  # (x_0, x_{i-1})
        return torch.einsum("ab,bc->bac", before, self.steps[i - 1])

    def posterior(self, i: int) -> Tensor:
        """q(x_{i-1} | x_i, x_0) by Bayes, laid out (x_0, x_i, x_{i-1})."""
        joint = torch.einsum("ab,bc->acb", self.kernel(i - 1), self.steps[i - 1])
        return joint / self.kernel(i).unsqueeze(-1)

    def reverse(self, i: int) -> Tensor:
        """q(x_{i-1} | x_i) by Bayes, laid out (x_i, x_{i-1})."""
        joint = self.marginal(i - 1).unsqueeze(-1) * self.steps[i - 1]
        return (joint / self.marginal(i)).T

    # ---------------------------------------------------------------- against a learned reverse chain
    def marginal_kl(self, i: int, model: Tensor) -> Tensor:
        """E KL(q(x_{i-1}|x_i) ‖ p(x_{i-1}|x_i)) for a model laid out (x_i, x_{i-1}), a number."""
        return self.marginal(i) @ kl(self.reverse(i), model)

    def conditional_kl(self, i: int, model: Tensor) -> Tensor:
        """E KL(q(x_{i-1}|x_i, x_0) ‖ p(x_{i-1}|x_i)) given x_0, of shape (S,)."""
        return (self.kernel(i) * kl(self.posterior(i), model)).sum(-1)

    def bound_terms(self, prior: Tensor, models: Tensor) -> Tensor:
        """The terms of the bound -log p(x_0) ≤ Σ terms, for each x_0: of shape (L + 1, S).

        KL(q(x_L|x_0) ‖ prior), then -E log p(x_0|x_1), then E KL(q(x_{i-1}|x_i,x_0) ‖ p(x_{i-1}|x_i)) for i = 2 … L.
        `models` (L, S, S) are laid out (x_i, x_{i-1}), the first for i = 1.
        """
        last = kl(self.kernel(len(self.steps)), prior)
        decoder = -torch.xlogy(self.kernel(1), models[0].T).sum(-1)
        rest = [self.conditional_kl(i, models[i - 1]) for i in range(2, len(self.steps) + 1)]
        return torch.stack([last, decoder, *rest])


def paths(first: Tensor, kernels: Sequence[Tensor]) -> Tensor:
    """The joint table of a chain: first(a_0) Π kernels[n](a_{n+1} | a_n), one axis a state."""
    joint = first
    for kernel in kernels:
        joint = joint.unsqueeze(-1) * kernel
    return joint
