"""Flows as maps and as differential equations: what becomes of a density, and of a gradient.

Under an invertible map x = f(z) a density is carried to

    log p(x) = log p_prior(f⁻¹(x)) + log|det ∂f⁻¹/∂x| = log p_prior(z) - log|det ∂f/∂z|,

which adds up over layers, has a closed form for a planar layer, is a series of traces for a residual one, and becomes an
integral of the divergence for a neural ODE.  Times here are the caller's: the prior may stand at either end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import calculus
from concordant.impl.calculus import Field
from concordant.impl.checks import points, real

Map = Callable[[Tensor], Tensor]


# ------------------------------------------------------------------------------------------------ maps
def jacobian(fn: Map, x: Tensor) -> Tensor:
    """∂fn_i/∂x_j at each point, of shape (..., D, D), by D backward passes; `fn` acts on each point by itself.

    It carries no gradients, nor does anything below that is made of it.  Raises `BadInput` if the values of `fn` have not the shape of x.

    >>> jacobian(lambda x: x**2, torch.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = fn(x)
        if value.shape != x.shape:
            raise BadInput(f"fn must return points of shape {tuple(x.shape)}: it returned {tuple(value.shape)}")
        if not value.requires_grad:  # a map that does not depend on x
            return x.new_zeros(*x.shape, x.shape[-1])
        rows = [
            torch.autograd.grad(value[..., i].sum(), x, retain_graph=True, materialize_grads=True)[0]
            for i in range(x.shape[-1])
        ]
    return torch.stack(rows, -2).detach()


def log_det(fn: Map, x: Tensor) -> Tensor:
    """log|det ∂fn/∂x|, of shape (...), without gradients: minus infinity where the map is not invertible.

    >>> log_det(lambda x: 2 * x, torch.zeros(3)).exp()
    tensor(8.)
    """
    volume: Tensor = torch.linalg.slogdet(jacobian(fn, x))[1]
    return volume


def change_of_variables(log_prior: Map, inverse: Map, x: Tensor) -> Tensor:
    """log p(x) = log p_prior(f⁻¹(x)) + log|det ∂f⁻¹/∂x|, of shape (...), for x = f(z) with z ~ p_prior.

    `inverse` is f⁻¹, `log_prior` takes points (..., D) to (...).  For values, not for training: the determinant carries no
    gradients.
    Source: Lai et al. 2025, equation 5.0.1.

    >>> normal = torch.distributions.Normal(0.0, 1.0)
    >>> lognormal = torch.distributions.LogNormal(0.0, 1.0)
    >>> x = torch.tensor([[0.5], [2.0]])
    >>> ours = change_of_variables(lambda z: normal.log_prob(z).sum(-1), torch.log, x)
    >>> torch.allclose(ours, lognormal.log_prob(x).sum(-1))
    True
    """
    return log_prior(inverse(x)) + log_det(inverse, x)


def composed(layers: Iterable[Map], z: Tensor) -> tuple[Tensor, Tensor]:
    """x = f_L(… f_1(z)) and Σ_k log|det ∂f_k/∂x_{k-1}|, of shapes (..., D) and (...).

    So log p(x) = log p_prior(z) less the sum.  A layer with a method `log_det(x)` is asked for it; for others D backward passes,
    whose determinants carry no gradients.
    Source: Lai et al. 2025, equations 5.1.3 and 5.1.4.

    >>> x, grown = composed([torch.exp, lambda x: 3 * x], torch.zeros(1))
    >>> x, grown.exp()
    (tensor([3.]), tensor(3.))
    """
    total = z.new_zeros(z.shape[:-1])
    for layer in layers:
        own = getattr(layer, "log_det", None)
        total = total + (log_det(layer, z) if own is None else own(z))
        z = layer(z)
    return z, total


class Planar:
    """The planar layer f(z) = z + u tanh(w·z + b), whose determinant is 1 + tanh'(w·z + b) u·w.

    `u` and `w` have shape (D,), `b` is a number.  It is invertible if and only if u·w ≥ -1; less is refused with `BadInput`.
    Source: Rezende and Mohamed 2015, equations 10 to 12.

    >>> layer = Planar([1.0, 0.0], [0.5, 2.0], 0.0)
    >>> layer.log_det(torch.zeros(2, dtype=torch.float64)).exp()
    tensor(1.5000, dtype=torch.float64)
    """

    def __init__(self, u: Tensor | Sequence[float], w: Tensor | Sequence[float], b: float) -> None:
        self.u = real("u", u, (None,))
        self.w = real("w", w, (len(self.u),)).to(self.u)
        self.b = b
        real("b", b, ())
        if float(self.u @ self.w) < -1:
            raise BadInput(f"u must have u·w ≥ -1, or the layer is not invertible: it is {float(self.u @ self.w):g}")

    def _phase(self, z: Tensor) -> Tensor:
        return points(z, len(self.u), "z") @ self.w.to(z) + self.b

    def __call__(self, z: Tensor) -> Tensor:
        return z + torch.tanh(self._phase(z)).unsqueeze(-1) * self.u.to(z)

    def log_det(self, z: Tensor) -> Tensor:
        """log(1 + tanh'(w·z + b) u·w), of shape (...)."""
        slope = 1 - torch.tanh(self._phase(z)).square()
        return torch.log1p(slope * (self.u @ self.w).to(z))


# ------------------------------------------------------------------------------------------------ residual layers
def residual_log_det(v: Map, x: Tensor, terms: int, probes: Tensor | None = None) -> Tensor:
    """Σ_{k=1..terms} (-1)^{k+1} tr((∂v)^k)/k, of shape (...): a residual layer's log|det(I + ∂v)|, cut off.

    It tends to it where the spectral radius of ∂v is below 1, at the rate radius^terms, and runs away where it is above 1.
    With `probes` (n, ..., D), E[e eᵀ] = I, the traces are estimated without bias by e·(∂v)^k e, with `terms` backward passes a
    probe in place of D.
    Source: Chen et al. 2019 (residual flows), equation 2; Lai et al. 2025, equation 5.1.6.

    >>> residual_log_det(lambda x: x / 2, torch.zeros(1, dtype=torch.float64), 40).exp()
    tensor(1.5000, dtype=torch.float64)
    """
    if terms < 1:
        raise BadInput(f"terms must be at least 1: it is {terms}")
    if probes is None:
        bend = jacobian(v, x)
        power, sum_ = bend, bend.diagonal(dim1=-2, dim2=-1).sum(-1)
        for k in range(2, terms + 1):
            power = power @ bend
            sum_ = sum_ + (-1) ** (k + 1) / k * power.diagonal(dim1=-2, dim2=-1).sum(-1)
        return sum_
    if probes.shape[1:] != x.shape or not len(probes):
        raise BadInput(
            f"probes must have shape (n, {', '.join(map(str, x.shape))}), n ≥ 1: it has {tuple(probes.shape)}"
        )
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = v(x)
        estimate = x.new_zeros(x.shape[:-1])
        for probe in probes if value.requires_grad else ():  # else v does not depend on x
            row = probe
            for k in range(1, terms + 1):
                (row,) = torch.autograd.grad(value, x, row, retain_graph=True)
                estimate = estimate + (-1) ** (k + 1) / k * (row * probe).sum(-1)
    return (estimate / len(probes)).detach()


def residual_inverse(v: Map, y: Tensor, steps: int = 200) -> Tensor:
    """x with x + v(x) = y, by the iteration x ← y - v(x): for v with a Lipschitz constant L below 1 the error falls like L^steps.

    Raises `BadInput` for less than one step, and where what comes of it is not finite (v does not contract).
    Source: Behrmann et al. 2019 (invertible residual networks), algorithm 1.

    >>> residual_inverse(lambda x: x / 2, torch.tensor([3.0]))
    tensor([2.])
    """
    if steps < 1:
        raise BadInput(f"steps must be at least 1: it is {steps}")
    x = y
    for _ in range(steps):
        x = y - v(x)
    if not bool(x.isfinite().all()):
        raise BadInput("v must be a contraction: the iteration ran away")
    return x


def residual_network(field: Field, x: Tensor, start: float, end: float, layers: int) -> Tensor:
    """x_{k+1} = x_k + h v(x_k, t_k) for k = 0 … layers - 1, h = (end - start)/layers: Euler's method for dx/dt = v.

    A neural ODE is what it tends to, with an error of order 1/layers.
    Source: Chen et al. 2018 (neural ODEs), equations 1 and 2; Lai et al. 2025, equation 5.1.7.
    """
    if layers < 1:
        raise BadInput(f"layers must be at least 1: it is {layers}")
    return calculus.euler(field, x, torch.linspace(start, end, layers + 1, dtype=x.dtype, device=x.device))


# ------------------------------------------------------------------------------------------------ neural ODEs
class ContinuousFlow:
    """dx/dt = field(x, t) from `start`, where the prior is, to `end`, where the data are; times may rise or fall.

    `trace` is the field's divergence (x, t) → (...), by D backward passes where it is not given.
    """

    def __init__(self, field: Field, start: float, end: float, trace: Field | None = None) -> None:
        self.field, self.start, self.end = field, start, end
        self.trace = trace or (lambda x, t: calculus.divergence(field, x, t))

    def map(self, z: Tensor) -> Tensor:
        """x(end) for x(start) = z."""
        return calculus.solve(self.field, z, self.start, self.end)

    def inverse(self, x: Tensor) -> Tensor:
        """x(start) for x(end) = x."""
        return calculus.solve(self.field, x, self.end, self.start)

    def log_prob(self, log_prior: Map, x: Tensor, rtol: float = 1e-9, atol: float = 1e-11) -> Tensor:
        """log p(x(end)) = log p_prior(x(start)) - ∫_start^end ∇·field dt, of shape (...), by one ODE in D + 1 dimensions.

        Source: Chen et al. 2018 (neural ODEs), equations 8 and 9; Lai et al. 2025, equation 5.1.10.

        >>> normal = torch.distributions.Normal(0.0, 1.0)
        >>> flow = ContinuousFlow(lambda x, t: x, 0.0, 1.0)  # from N(0, 1) to N(0, e²)
        >>> x = torch.ones(1, dtype=torch.float64)
        >>> ours = flow.log_prob(lambda z: normal.log_prob(z).sum(-1), x)
        >>> torch.allclose(ours, torch.distributions.Normal(0.0, torch.e).log_prob(x[0]))
        True
        """
        z, back = calculus.log_density_along(self.field, self.trace, x, self.end, self.start, rtol, atol)
        return log_prior(z) + back


class Sensitivity(NamedTuple):
    """What `adjoint` finds: x(end), the loss there, and the loss's gradients in x(start) and in each parameter."""

    end: Tensor
    loss: Tensor
    start: Tensor
    parameters: tuple[Tensor, ...]


def adjoint(
    field: Field,
    x: Tensor,
    start: float,
    end: float,
    loss: Callable[[Tensor], Tensor],
    parameters: Sequence[Tensor] = (),
    rtol: float = 1e-10,
    atol: float = 1e-12,
) -> Sensitivity:
    """Gradients of loss(x(end)) for dx/dt = field(x, t), x(start) = x (..., D), through no solver:

        a' = -(∂v/∂x)ᵀ a,  a(end) = ∂loss/∂x(end),   ∂loss/∂x(start) = a(start),   dloss/dφ = ∫_start^end aᵀ ∂v/∂φ dt.

    x, a and the integral are solved together from `end` back to `start`.  `loss` returns one number; `parameters` are tensors
    that require gradients and that the field depends on (`BadInput` where one does not require them).
    Source: Chen et al. 2018 (neural ODEs), equations 4 and 5.

    >>> rate = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    >>> found = adjoint(lambda x, t: rate * x, torch.ones(1, dtype=torch.float64), 0.0, 2.0, lambda x: x.sum(), [rate])
    >>> [round(v.item(), 8) for v in (found.end, found.start, found.parameters[0])]  # e, e and 2 e
    [2.71828183, 2.71828183, 5.43656366]
    """
    parameters = tuple(parameters)
    if not all(one.requires_grad for one in parameters):
        raise BadInput("parameters must be tensors that require gradients")
    finish = calculus.solve(field, x, start, end, rtol, atol)
    with torch.enable_grad():
        leaf = finish.detach().requires_grad_()
        value = loss(leaf)
        (cotangent,) = torch.autograd.grad(value, leaf)
    n, sizes = x.numel(), [one.numel() for one in parameters]

    def backwards(state: Tensor, t: Tensor) -> Tensor:
        with torch.enable_grad():
            here = state[:n].reshape(x.shape).detach().requires_grad_()
            speed = field(here, t)
            weight = state[n : 2 * n].reshape(x.shape)
            if speed.requires_grad:
                found = torch.autograd.grad(
                    speed, [here, *parameters], weight, materialize_grads=True, allow_unused=True
                )
            else:  # neither x nor a parameter is in it
                found = tuple(torch.zeros_like(one) for one in (here, *parameters))
        return torch.cat([speed.detach().flatten(), *(-g.flatten().to(state) for g in found)])

    final = torch.cat([finish.flatten(), cotangent.flatten(), finish.new_zeros(sum(sizes))])
    first = calculus.solve(backwards, final, end, start, rtol, atol)
    gradients = first[2 * n :].split(sizes)
    shaped = tuple(g.reshape(one.shape) for g, one in zip(gradients, parameters, strict=True))
    return Sensitivity(finish, value.detach(), first[n : 2 * n].reshape(x.shape), shaped)
