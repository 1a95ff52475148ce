"""Derivations of chapter 4: linear SDEs, their reversal, the probability flow, and their Gaussian kernels."""

from __future__ import annotations

from typing import Any

import sympy as sp

from concordant.theory.calculus import HALF, fokker_planck, gaussian, i, j, t, x
from concordant.theory.derivation import derivation
from concordant.theory.divergences import kl
from concordant.theory.kernel.rules import (
    Reason,
    Theorem,
    algebra,
    definition,
    derive,
    divergence_theorem,
    exponential,
    fundamental_theorem,
    given,
    instance,
    log_density,
    normalised,
    reversed_time,
    under_integral,
    uniqueness,
    using,
)
from concordant.theory.kernel.terms import (
    Along,
    Expr,
    Point,
    Vec,
    const,
    contract,
    coords,
    d_dt,
    delta,
    div,
    dot,
    function,
    grad,
    integral,
    lap,
    lift,
    log,
    norm2,
    over_time,
    scalar,
    time,
    vector,
)

TIMED = {"p": "_t", "ρ": "_t", "dρ": "dx̄"}
FLOW = {"p": "_t", "u": "∇·v", "h": "∇p_t"}
TRANSITION = {
    **{"x": "x_t", "y": "x_s", "k": "q|", "m": "q|", "n": "q|", "r": "q|"},
    **{"=α_{t|s}": "α_t/α_s", "=σ_{t|s}²": "σ_t**2 - α_t**2/α_s**2*σ_s**2"},
}
p, f, g = scalar("p"), vector("f"), function("g")
P, F, G2 = p(x, t), f(x, t), lift(g(t) ** 2)
score = grad(log(P), x)
velocity = F - lift(HALF * g(t) ** 2) * score


# ------------------------------------------------------------------------------------------------ densities
def continuity_form() -> Theorem:
    """∂_t p = -∇·(p v) with v = f - ½ g² ∇log p."""
    return (
        derive(d_dt(P, t))
        .to(
            -div(P * F, x) + lift(HALF * g(t) ** 2) * lap(P, x),
            by=using(fokker_planck(), text="the Fokker-Planck equation"),
        )
        .to(-div(P * velocity, x), by=algebra)
    ).qed()


@derivation("fokker-planck-is-continuity", notation=TIMED)
def fokker_planck_is_continuity() -> tuple[Theorem, ...]:
    """Δp = ∇·(p ∇log p): diffusion is transport by the score."""
    right = -div(P * F, x) + lift(HALF * g(t) ** 2) * lap(P, x)
    identity = derive(right).to(-div(P * velocity, x), by=algebra).qed()
    return continuity_form(), identity


@derivation("probability-flow-ode", notation=TIMED)
def probability_flow() -> Theorem:
    """A density carried by the flow of v obeys the same continuity equation as the SDE's; there is only one solution."""
    carried = fokker_planck("ρ", velocity, 0)
    return uniqueness(carried, continuity_form(), "ρ", (x, t), P)


tau, T = time("τ"), const("T", positive=True)
back = T - tau
there = p(x, back)
there_score = grad(log(there), x)


def reverse_density(extra: Any) -> Theorem:
    """The density of the reverse process with diffusion γ is p at the reversed time.

    In τ = T - t the process has drift -f + ½(g² + γ²) ∇log p and diffusion γ, all at time T - τ.
    """
    drift = lift(HALF * (g(back) ** 2 + extra**2)) * there_score - f(x, back)
    half = lift(HALF * sp.sympify(extra) ** 2)
    of_rho = fokker_planck("ρ", drift, extra, x, tau)
    forward = reversed_time(fokker_planck(), t, tau, T)
    right = -div(there * drift, x) + half * lap(there, x)
    of_p = derive(d_dt(there, tau)).to(
        right, by=using(forward.inside(lambda e: -e), text="the Fokker-Planck equation at T − τ")
    )
    return uniqueness(of_rho, of_p.qed(), "ρ", (x, tau), there)


@derivation("anderson-reversal", notation=TIMED)
def anderson() -> Theorem:
    """The reverse SDE's density obeys, in reversed time, the equation that p obeys: ∇·(p ∇log p) = Δp turns the sign of the
    diffusion."""
    return reverse_density(g(back))


@derivation("reverse-family", notation=TIMED)
def reverse_family() -> Theorem:
    """The same for any diffusion γ: what it adds to the spreading, the score term takes off."""
    return reverse_density(function("γ")(back))


# ------------------------------------------------------------------------------------------------ along the flow
z = Along("z", t)
v = vector("v")


def along_the_flow() -> tuple[Theorem, Theorem]:
    """d/dt log p(z(t), t) = -(∇·v)(z(t), t), and dp/dt = -p ∇·v."""
    residual, trace, slope = scalar("c"), scalar("u"), vector("h")
    V = v(x, t)
    balance = definition("c", (x, t), d_dt(P, t) + div(P * V, x))
    named = balance & definition("u", (x, t), div(V, x)) & definition("h", (x, t), grad(P, x).at(i), (i,))
    continuity = given("the continuity equation", d_dt(P, t), -div(P * V, x))
    at_z = instance(derive(residual(x, t)).to(0, by=continuity & balance).qed(), x, z)
    path = given("z solves dz/dt = v(z, t)", d_dt(coords(z).at(i), t), v(z, t).at(i))
    here = p(z, t)

    def total(of: Expr, change: Expr, factor: Expr) -> Theorem:
        by = using(
            at_z.inside(lambda e: e * factor),
            path.inside(lambda e: contract(lambda k: slope(z, t).at(k) * e) * factor),
            text="the continuity equation at z(t), and dz/dt = v",
        )
        return derive(d_dt(of, t)).to(change, by=by & named).qed()

    return total(log(here), -trace(z, t), 1 / here), total(here, -here * trace(z, t), lift(1))


@derivation("log-density-along-the-flow", notation=FLOW)
def log_density_along() -> tuple[Theorem, Theorem]:
    """The total derivative is ∂_t p/p + v·∇p/p, and the continuity equation says that this is -∇·v."""
    return along_the_flow()


@derivation("ode-likelihood", notation=FLOW)
def ode_likelihood() -> Theorem:
    """Integrate the change of the log-density along the path from data to noise."""
    end = const("T", positive=True)
    inside, _ = along_the_flow()
    F_ = log(p(z, t))
    start, stop = (log(p(Along("z", sp.sympify(s)), s)) for s in (sp.Integer(0), end))
    total = over_time(scalar("u")(z, t), t, 0, end)
    return (
        derive(start)
        .to(
            stop - over_time(d_dt(F_, t), t, 0, end),
            by=using(fundamental_theorem(F_, t, 0, end), text="the fundamental theorem of calculus"),
        )
        .to(stop + total, by=using(inside.inside(lambda e: -over_time(e, t, 0, end)), text="the change along the flow"))
    ).qed()


# ------------------------------------------------------------------------------------------------ linear SDEs
@derivation("linear-sde-moments", notation={**TIMED, "p": "_t|", "q": "q_t|"})
def moments() -> tuple[Theorem, ...]:
    """Integrate the Fokker-Planck equation against x and x xᵀ, by parts; and put the Gaussian kernel into it."""
    rate = function("f")
    drift = lift(rate(t)) * coords(x)
    density = fokker_planck("p", drift, g(t))
    half = lift(HALF * g(t) ** 2)

    def moment(of: Expr, grad_of: Vec, right: Expr, why: Reason) -> Theorem:
        return (
            derive(d_dt(integral(of * P, x), t))
            .to(integral(of * d_dt(P, t), x), by=under_integral)
            .to(
                integral(of * (-div(P * drift, x) + half * lap(P, x)), x),
                by=using(density.inside(lambda e: integral(of * e, x)), text="the Fokker-Planck equation"),
            )
            .to(
                integral(P * dot(drift, grad_of) - half * dot(grad(P, x), grad_of), x),
                by=using(divergence_theorem(half * of * grad(P, x) - of * P * drift, x)),
            )
            .to(
                integral(P * dot(drift, grad_of) + half * P * div(grad_of, x), x),
                by=using(divergence_theorem(-half * P * grad_of, x)),
            )
            .to(right, by=why)
        ).qed()

    xi, xj = coords(x).at(i), coords(x).at(j)
    first = moment(xi, grad(xi, x), lift(rate(t)) * integral(xi * P, x), algebra)
    second_moment = lift(2 * rate(t)) * integral(xi * xj * P, x) + lift(g(t) ** 2) * delta(i, j)
    second = moment(xi * xj, grad(xi * xj, x), second_moment, normalised("p"))

    alpha, sigma = function("α", positive=True), function("σ", positive=True)
    slope = d_dt(log(alpha(t)), t)
    left_over = d_dt(sigma(t) ** 2, t) - 2 * slope * lift(sigma(t) ** 2)
    f_is = given("f is the slope of log α", lift(rate(t)), slope)
    g_is = given("g² is what the slope leaves of the growth of σ²", lift(g(t) ** 2), left_over)
    start = Point("x0")
    kernel = scalar("q")(x, start, t)
    gauss = log_density("q", (x, start, t), gaussian(coords(x), lift(alpha(t)) * coords(start), sigma(t) ** 2))
    solves = derive(d_dt(kernel, t)).to(
        -div(kernel * drift, x) + half * lap(kernel, x),
        by=using(
            f_is.inside(lambda e: e * div(kernel * coords(x), x)),
            g_is.inside(lambda e: lift(-HALF) * e * lap(kernel, x)),
        )
        & gauss,
    )
    of_p = fokker_planck("p", drift, g(t), start=(start,))
    return first, second, uniqueness(of_p, solves.qed(), "p", (x, start, t), kernel)


@derivation("schedule-and-sde-coefficients")
def coefficients() -> tuple[Theorem, ...]:
    """The logarithm of α/σ is a difference, and its derivative is α'/α - σ'/σ."""
    alpha, sigma = function("α", positive=True), function("σ", positive=True)
    a2, s2 = lift(alpha(t) ** 2), lift(sigma(t) ** 2)
    g2 = d_dt(s2, t) - 2 * d_dt(log(alpha(t)), t) * s2
    by_lambda = derive(g2).to(-2 * s2 * d_dt(log(lift(alpha(t)) / lift(sigma(t))), t), by=algebra)
    snr = lift(alpha(t) ** 2 / sigma(t) ** 2)
    by_snr = derive(g2).to(-s2 * d_dt(snr, t) / snr, by=algebra)
    noise_over_signal = derive(d_dt(lift(sigma(t) ** 2 / alpha(t) ** 2), t)).to(g2 / a2, by=algebra)
    return by_lambda.qed(), by_snr.qed(), noise_over_signal.qed()


# ------------------------------------------------------------------------------------------------ kernels between times
class Kernels:
    """Times s < t:  x_s given x_0, x_t given x_s, x_t given x_0, and x_s given both, all Gaussian."""

    def __init__(self) -> None:
        self.a_s, self.a_t = const("α_s", positive=True), const("α_t", positive=True)
        self.s_s, self.s_t = const("σ_s", positive=True), const("σ_t", positive=True)
        self.ratio = self.a_t / self.a_s
        self.step = self.s_t**2 - self.ratio**2 * self.s_s**2
        self.now, self.later, self.data = Point("y"), Point("x"), Point("x0")
        y, xs, x0 = map(coords, (self.now, self.later, self.data))
        self.variance = self.step * self.s_s**2 / self.s_t**2
        self.on_later = self.ratio * self.s_s**2 / self.s_t**2
        self.on_data = self.a_s * self.step / self.s_t**2
        self.m, self.k, self.n, self.r = (scalar(name) for name in "mknr")
        self.here = self.m(self.now, self.data)
        self.forward = self.k(self.later, self.now)
        self.there = self.n(self.later, self.data)
        self.forwards = (
            log_density("m", (self.now, self.data), gaussian(y, lift(self.a_s) * x0, self.s_s**2))
            & log_density("k", (self.later, self.now), gaussian(xs, lift(self.ratio) * y, self.step))
            & log_density("n", (self.later, self.data), gaussian(xs, lift(self.a_t) * x0, self.s_t**2))
        )
        self.posterior_log = gaussian(y, self.mean(x0), self.variance)

    def mean(self, data: Vec) -> Vec:
        """The posterior's mean for the given clean data."""
        return lift(self.on_later) * coords(self.later) + lift(self.on_data) * data


@derivation("forward-transition", notation=TRANSITION)
def forward_transition() -> tuple[Theorem, ...]:
    """Complete the square: the product of the two kernels is the kernel to t times a Gaussian in x_s, which integrates to 1.
    Transitions compose by algebra."""
    c = Kernels()
    r = c.r(c.now, c.later, c.data)
    bayes = log_density("r", (c.now, c.later, c.data), c.posterior_log)
    product = exponential(derive(log(c.forward * c.here)).to(log(c.there * r), by=c.forwards & bayes).qed())
    carried = (
        derive(integral(c.forward * c.here, c.now))
        .to(
            integral(c.there * r, c.now),
            by=using(product.inside(lambda e: integral(e, c.now)), text="completing the square"),
        )
        .to(c.there, by=normalised("r"))
    ).qed()
    a_u, s_u = const("α_u"), const("σ_u")
    onward, across = a_u / c.a_t, a_u / c.a_s
    last, whole = s_u**2 - onward**2 * c.s_t**2, s_u**2 - across**2 * c.s_s**2
    variances = derive(lift(last) + lift(onward**2) * lift(c.step)).to(lift(whole), by=algebra).qed()
    sign = derive(lift(c.step)).to(lift(c.a_t**2) * lift(c.s_t**2 / c.a_t**2 - c.s_s**2 / c.a_s**2), by=algebra).qed()
    return carried, variances, sign


@derivation("posterior-kernel", notation=TRANSITION)
def posterior_kernel() -> Theorem:
    """Bayes' rule for three Gaussians: complete the square in x_s."""
    c = Kernels()
    bayes = definition("r", (c.now, c.later, c.data), c.forward * c.here / c.there)
    return (
        derive(log(c.r(c.now, c.later, c.data)))
        .to(log(c.forward) + log(c.here) - log(c.there), by=bayes)
        .to(c.posterior_log, by=c.forwards)
    ).qed()


@derivation("ddpm-snr-kl", notation={**TRANSITION, "q": "p_φ|", "r": "q|"})
def snr_kl() -> Theorem:
    """Two Gaussians of one variance: the divergence is the squared distance of their means over twice the variance."""
    c = Kernels()
    y, guess = coords(c.now), Point("x̂0")
    r, q = c.r(c.now, c.later, c.data), scalar("q")(c.now, c.later, guess)
    m1, m2 = c.mean(coords(c.data)), c.mean(coords(guess))
    laws = log_density("r", (c.now, c.later, c.data), gaussian(y, m1, c.variance)) & log_density(
        "q", (c.now, c.later, guess), gaussian(y, m2, c.variance)
    )
    v, half = lift(c.variance), lift(1 / (2 * c.variance))
    centred = (
        derive(integral(r * (y - m1).at(i), c.now))
        .to(-integral(v * grad(r, c.now).at(i), c.now), by=_law(c, m1))
        .to(0, by=_no_mean_slope(c, r, v))
    ).qed()
    apart = m1 - m2
    return (
        derive(kl(r, q, c.now))
        .to(integral(r * (half * (norm2(y - m2) - norm2(y - m1))), c.now), by=laws)
        .to(
            2 * half * contract(lambda j: apart.at(j) * integral(r * (y - m1).at(j), c.now))
            + half * norm2(apart) * integral(r, c.now),
            by=algebra,
        )
        .to(
            half * norm2(apart),
            by=using(
                centred.inside(lambda e: 2 * half * contract(lambda j: apart.at(j) * e)),
                text="the first law is centred at its mean",
            )
            & normalised("r"),
        )
        .to(
            lift(HALF * (c.a_s**2 / c.s_s**2 - c.a_t**2 / c.s_t**2)) * norm2(coords(c.data) - coords(guess)),
            by=algebra,
        )
    ).qed()


def _law(c: Kernels, mean: Vec) -> Reason:
    return log_density("r", (c.now, c.later, c.data), gaussian(coords(c.now), mean, c.variance))


def _no_mean_slope(c: Kernels, r: Expr, v: Expr) -> Reason:
    """∫ v ∂_i r = 0: the divergence theorem for the field v r e_i."""

    return using(divergence_theorem(Vec(lambda j: -v * r * delta(j, i)), c.now))
