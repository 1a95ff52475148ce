"""Differential equations and divergences, as all formulations use them.

`solve` is the reference: scipy's eighth-order Runge-Kutta with error control.  `euler`, `heun` and `rk4` are the plain methods
on a given grid of times, `picard` iterates the integral equation, and `variation_of_constants` takes the linear part exactly.
`divergence` differentiates a field exactly, `hutchinson` estimates its trace, `outflow` is what leaves a small cube.
`pushed` changes variables by one small step of a flow; `ito` and `fokker_planck` are the two sides of stochastic calculus.

A field is a function of points x (..., D) and one time t (a tensor of shape ()), with values of the shape of x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.batch import column

Field = Callable[[Tensor, Tensor], Tensor]


def solve(field: Field, x: Tensor, start: float, end: float, rtol: float = 1e-10, atol: float = 1e-12) -> Tensor:
    """x(end) for dx/dt = field(x, t), x(start) = x, to the given tolerances (forwards or backwards in time).

    As `solve_at`, at one time.  From a time to itself nothing is evaluated.

    >>> decay = lambda x, t: -x
    >>> solve(decay, torch.ones(1, dtype=torch.float64), 0.0, 1.0)
    tensor([0.3679], dtype=torch.float64)
    """
    if start == end:
        return x.detach().clone()
    return solve_at(field, x, start, [end], rtol, atol)[0]


def solve_at(
    field: Field, x: Tensor, start: float, times: Sequence[float], rtol: float = 1e-10, atol: float = 1e-12
) -> Tensor:
    """x at each of the times, (times, ...), for dx/dt = field(x, t), x(start) = x: all in one solution to the last of them.

    The times lead away from `start`, forwards or backwards.  The state may have any shape; one step size serves the whole
    batch.  Not differentiable.  Raises `ArithmeticError` if the solver gives up or meets a value that is not finite.

    >>> solve_at(lambda x, t: -x, torch.ones(1, dtype=torch.float64), 0.0, [0.5, 1.0]).flatten()
    tensor([0.6065, 0.3679], dtype=torch.float64)
    """
    from scipy.integrate import solve_ivp

    def flat(t: float, y: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        state = torch.from_numpy(y).to(x).reshape(x.shape)
        value = field(state, torch.tensor(t, dtype=x.dtype, device=x.device))
        if not bool(value.isfinite().all()):
            raise ArithmeticError(f"the field is not finite at t = {t:g}")
        result: np.ndarray[Any, np.dtype[np.float64]] = value.detach().to("cpu", torch.float64).reshape(-1).numpy()
        return result

    y0 = x.detach().to("cpu", torch.float64).reshape(-1).numpy()
    span = (start, times[-1])
    solution = solve_ivp(flat, span, y0, method="DOP853", rtol=max(rtol, 3e-14), atol=atol, t_eval=list(times))
    if not solution.success:
        raise ArithmeticError(f"no solution from t = {start:g} to {times[-1]:g}: {solution.message}")
    return torch.from_numpy(solution.y.T.copy()).to(x).reshape(len(times), *x.shape)


def euler(field: Field, x: Tensor, times: Tensor) -> Tensor:
    """Euler's method:  x_{n+1} = x_n + h field(x_n, t_n) along `times`.  Global order 1."""
    for t, h in zip(times[:-1], times.diff(), strict=True):
        x = x + h * field(x, t)
    return x


def heun(field: Field, x: Tensor, times: Tensor) -> Tensor:
    """Heun's method: Euler's step, then the mean of the slopes at its two ends.  Global order 2."""
    for t, s, h in zip(times[:-1], times[1:], times.diff(), strict=True):
        slope = field(x, t)
        x = x + h * (slope + field(x + h * slope, s)) / 2
    return x


def rk4(field: Field, x: Tensor, times: Tensor) -> Tensor:
    """The classical Runge-Kutta method, slopes weighted (1, 2, 2, 1)/6.  Global order 4.  Kutta 1901; the book's A.1.4.

    >>> rk4(lambda x, t: -x, torch.ones(1, dtype=torch.float64), torch.linspace(0, 1, 11, dtype=torch.float64))
    tensor([0.3679], dtype=torch.float64)
    """
    for t, h in zip(times[:-1], times.diff(), strict=True):
        first = field(x, t)
        second = field(x + h / 2 * first, t + h / 2)
        third = field(x + h / 2 * second, t + h / 2)
        last = field(x + h * third, t + h)
        x = x + h * (first + 2 * second + 2 * third + last) / 6
    return x


def gauss(start: Tensor, end: Tensor, nodes: int = 24) -> tuple[Tensor, Tensor]:
    """Nodes and weights (nodes,) of the Gauss-Legendre rule from `start` to `end` (in float64).

    >>> t, weights = gauss(torch.tensor(0.0), torch.tensor(2.0), 3)
    >>> round(float((weights * t**5).sum()), 9)
    10.666666667
    """
    node, weight = (torch.from_numpy(v) for v in np.polynomial.legendre.leggauss(nodes))
    low, high = start.double(), end.double()
    return (low + high) / 2 + (high - low) / 2 * node, (high - low) / 2 * weight


def variation_of_constants(
    alpha: Callable[[Tensor], Tensor],
    rest: Callable[[Tensor], Tensor],
    x: Tensor,
    start: Tensor,
    end: Tensor,
    nodes: int = 24,
) -> Tensor:
    """x(end) for dx/dt = (α'/α) x + N(t), x(start) = x, where α(t) > 0 and `rest(t)` is N(t), of the shape of x:

        x(end) = E(start → end) x + ∫ E(t → end) N(t) dt,   E(s → t) = exp ∫_s^t α'/α = α(t)/α(s).

    With N(t) = N(x(t), t) along a solution it is the integral equation that exponential integrators start from.  The integral
    is a Gauss-Legendre rule with that many nodes.  The book's (A.1.4).

    >>> one = torch.ones(1, dtype=torch.float64)
    >>> variation_of_constants(torch.exp, lambda t: one, 0 * one, torch.tensor(0.0), torch.tensor(1.0))
    tensor([1.7183], dtype=torch.float64)
    """
    times, weights = gauss(start, end, nodes)
    total = alpha(end) / alpha(start) * x
    for t, weight in zip(times, weights, strict=True):
        total = total + weight * alpha(end) / alpha(t) * rest(t)
    return total


def picard(
    field: Field, x: Tensor, start: float, end: float, iterations: int, nodes: int = 24
) -> tuple[Tensor, Tensor]:
    """Picard's iterates x⁽ᵏ⁺¹⁾(t) = x + ∫_start^t field(x⁽ᵏ⁾(s), s) ds from the constant x⁽⁰⁾ = x.

    Returns times (nodes,), the last of them `end`, and the iterates (iterations + 1, nodes, ..., D) at those times.  Integrals
    are those of the polynomial through the nodes.  Raises `BadInput` for fewer than two nodes or less than one iteration.

    >>> times, iterates = picard(lambda x, t: x, torch.ones(1, dtype=torch.float64), 0.0, 1.0, 3)
    >>> [round(float(one[-1]), 6) for one in iterates]  # the sums of the exponential series
    [1.0, 2.0, 2.5, 2.666667]
    """
    if nodes < 2:
        raise BadInput(f"nodes must be at least 2: it is {nodes}")
    if iterations < 1:
        raise BadInput(f"iterations must be at least 1: it is {iterations}")
    unit = -np.cos(np.linspace(0, np.pi, nodes + 1))  # Chebyshev's, both ends among them
    rows = np.polynomial.chebyshev.chebvander(unit, nodes)
    whole = [np.polynomial.chebyshev.chebint(row, lbnd=-1) for row in np.eye(nodes + 1)]
    integrals = np.stack([np.polynomial.chebyshev.chebval(unit, row) for row in whole], 1) @ np.linalg.inv(rows)
    half = (end - start) / 2
    times = torch.from_numpy(start + half * (unit + 1)).to(x)
    weights = half * torch.from_numpy(integrals).to(x)
    path = x.expand(nodes + 1, *x.shape)
    iterates = [path]
    for _ in range(iterations):
        slopes = torch.stack([field(point, t) for point, t in zip(path, times, strict=True)])
        path = x + torch.tensordot(weights, slopes, 1)
        iterates.append(path)
    return times[1:], torch.stack(iterates)[:, 1:]


METHODS: dict[str, Callable[[Field, Tensor, Tensor], Tensor]] = {"euler": euler, "heun": heun}


def follow(field: Field, x: Tensor, start: float, end: float, method: str = "reference", steps: int = 50) -> Tensor:
    """x(end) for dx/dt = field(x, t), x(start) = x: by the reference solver, or by a plain method in equal steps.

    Raises `BadInput` for another method than "reference", "euler" or "heun", or less than one step.
    """
    if method == "reference":
        return solve(field, x, start, end)
    if method not in METHODS:
        raise BadInput(f"method must be 'reference', 'euler' or 'heun': it is {method!r}")
    if steps < 1:
        raise BadInput(f"steps must be at least 1: it is {steps}")
    return METHODS[method](field, x, torch.linspace(start, end, steps + 1, dtype=x.dtype, device=x.device))


def euler_maruyama_step(drift: Tensor, diffusion: Tensor, x: Tensor, h: Tensor, noise: Tensor) -> Tensor:
    """x + h drift + √|h| g noise.  Backwards in time h is negative and the noise's variance still g²|h|.

    h and g are one number, or one a point.
    """
    h, diffusion = h.to(x), diffusion.to(x)
    return x + column(h) * drift + column(h.abs().sqrt() * diffusion) * noise


def slope(fn: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    """dfn/dt at one time, for a differentiable function () → (...), of shape (...).

    >>> slope(lambda t: torch.stack([t**2, 3 * t]), torch.tensor(2.0))
    tensor([4., 3.])
    """
    with torch.enable_grad():
        u = t.detach().requires_grad_()
        value = fn(u)
        if not value.requires_grad:  # a constant
            return torch.zeros_like(value)
        # linear in the weights of a sum of the values: their slopes are its derivative in the weights
        weights = torch.ones_like(value, requires_grad=True)
        (total,) = torch.autograd.grad((weights * value).sum(), u, create_graph=True)
        return torch.autograd.grad(total, weights)[0]


def divergence(field: Field, x: Tensor, t: Tensor) -> Tensor:
    """∇·field by automatic differentiation, D passes, of shape (...).

    >>> divergence(lambda x, t: x**2, torch.tensor([1.0, 3.0]), torch.tensor(0.0))
    tensor(8.)
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = field(x, t)
        if not value.requires_grad:  # a field that does not depend on x
            return x.new_zeros(x.shape[:-1])
        rows = [torch.autograd.grad(value[..., i].sum(), x, retain_graph=True)[0][..., i] for i in range(x.shape[-1])]
    return torch.stack(rows).sum(0).detach()


def hutchinson(field: Field, x: Tensor, t: Tensor, probes: Tensor) -> Tensor:
    """Unbiased estimate of ∇·field: the mean over probes v (n, ..., D) with E[v vᵀ] = I of vᵀ(∇field)v, of shape (...).

    Raises `BadInput` for probes of another shape.  Hutchinson 1989.
    """
    if probes.shape[1:] != x.shape:
        raise BadInput(f"probes must have shape (n, {', '.join(map(str, x.shape))}): it has {tuple(probes.shape)}")
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = field(x, t)
        if not value.requires_grad:  # a field that does not depend on x
            return x.new_zeros(x.shape[:-1])
        products = [(torch.autograd.grad(value, x, v, retain_graph=True)[0] * v).sum(-1) for v in probes]
    return torch.stack(products).mean(0).detach()


def pushed(field: Field, x: Tensor, t: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """The point y = x + h v(x, t) and log|det(I + h ∇v)|, by D backward passes: of shapes (..., D) and (...).

    A density p of x becomes log p(x) - log|det| at y.  Gradients flow through h.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = field(x, t)
        rows = [
            torch.autograd.grad(value[..., i].sum(), x, retain_graph=True, materialize_grads=True)[0]
            if value.requires_grad
            else torch.zeros_like(x)
            for i in range(x.shape[-1])
        ]
        jacobian = torch.stack(rows, -2).detach()
        eye = torch.eye(x.shape[-1]).to(x)
        return x.detach() + h * value.detach(), torch.linalg.slogdet(eye + h * jacobian)[1]


def fokker_planck(drift: Field, score: Field, g2: Tensor, x: Tensor, t: Tensor) -> Tensor:
    """[-∇·(f p) + ½ g² Δp]/p = -∇·f - f·s + ½ g² (∇·s + |s|²), of shape (...), for s = ∇log p.

    This is ∂_t log p for the densities of dx = f dt + g dw.  Divergences by automatic differentiation.
    """
    s = score(x, t)
    return (
        -divergence(drift, x, t) - (drift(x, t) * s).sum(-1) + g2 / 2 * (divergence(score, x, t) + s.square().sum(-1))
    )


def ito(h: Field, drift: Tensor, g: Tensor, x: Tensor, t: Tensor, dt: Tensor, dw: Tensor) -> tuple[Tensor, Tensor]:
    """Itô's formula dh = (∂_t h + ∇h·f + ½ g² Δh) dt + g ∇h·dw, as the sum's two parts, each of shape (...).

    `h` is a function (..., D), () → (...), twice differentiable; derivatives by automatic differentiation.
    """

    def gradient(y: Tensor, u: Tensor) -> Tensor:
        (made,) = torch.autograd.grad((h(y, u) + 0 * y.sum(-1)).sum(), y, create_graph=True)  # h may not depend on y
        return made

    with torch.enable_grad():
        here = gradient(x.detach().requires_grad_(), t).detach()
    in_time = slope(lambda u: h(x.detach(), u), t)
    along = in_time + (here * drift).sum(-1) + g**2 / 2 * divergence(gradient, x, t)
    return along * dt, g * (here * dw).sum(-1)


def log_density_along(
    field: Field, trace: Field, x: Tensor, start: float, end: float, rtol: float = 1e-9, atol: float = 1e-11
) -> tuple[Tensor, Tensor]:
    """Follow dx/dt = field from `start` to `end` with the integral of its divergence `trace(x, t)` (...).

    Returns x(end) and ∫ ∇·field dt over the way; then log p_start(x) = log p_end(x(end)) + ∫_start^end ∇·field dt.
    """

    def augmented(state: Tensor, t: Tensor) -> Tensor:
        here = state[..., :-1]
        return torch.cat([field(here, t), trace(here, t).unsqueeze(-1)], -1)

    state = solve(augmented, torch.cat([x, torch.zeros_like(x[..., :1])], -1), start, end, rtol, atol)
    return state[..., :-1], state[..., -1]


def outflow(flux: Field, x: Tensor, t: Tensor, side: Tensor, nodes: int = 3) -> Tensor:
    """What flows out of the cube of that side about x, per volume, of shape (...): the faces' fluxes, added and divided.

    `flux` is p v.  As the side shrinks it tends to ∇·(p v), off by O(side²).  Faces are integrated over by the product of
    Gauss-Legendre rules with that many nodes an axis, nodes^(D-1) points a face.  The book's B.2.1.

    >>> outflow(lambda x, t: x**3, torch.tensor([1.0, 2.0]), torch.tensor(0.0), torch.tensor(0.1))
    tensor(15.0050)
    """
    d = x.shape[-1]
    node, weight = (v.to(x) for v in gauss(torch.tensor(-0.5), torch.tensor(0.5), nodes))
    grid = torch.cartesian_prod(*[node] * (d - 1)).reshape(-1, d - 1) if d > 1 else x.new_zeros(1, 0)
    weights = torch.cartesian_prod(*[weight] * (d - 1)).reshape(-1, d - 1).prod(-1) if d > 1 else x.new_ones(1)
    total = x.new_zeros(x.shape[:-1])
    for i in range(d):
        for sign in (1, -1):
            face = torch.cat([grid[:, :i], torch.full_like(weights, sign / 2).unsqueeze(-1), grid[:, i:]], -1)
            through = flux(x.unsqueeze(-2) + side * face, t)[..., i]
            total = total + sign * (weights * through).sum(-1) / side
    return total
