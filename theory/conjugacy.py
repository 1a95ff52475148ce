"""Derivations of what a change of schedule does: inverse conversions, polar form, losses, bounds; and the forward family."""

from __future__ import annotations

from concordant.theory.calculus import HALF, fokker_planck, gaussian, i, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import Reason, Theorem, algebra, definition, derive, given, uniqueness, using
from concordant.theory.kernel.terms import (
    DIM,
    Point,
    Vec,
    const,
    coords,
    d_dt,
    div,
    function,
    grad,
    lap,
    lift,
    log,
    norm2,
    vector,
)
from concordant.theory.sde import TIMED, F, P, continuity_form, g
from concordant.theory.unification import alpha, clean, noise, sigma

data, eps = coords(Point("x0")), coords(Point("ε"))
X = coords(x)
a, s = lift(alpha(t)), lift(sigma(t))
da, ds = d_dt(alpha(t), t), d_dt(sigma(t), t)


@derivation("invertible-conversions")
def invertible_conversions() -> tuple[Theorem, ...]:
    """Cramer's rule for x = α x_0 + σ ε and y = A x_0 + B ε; the determinant for the velocity is a logarithmic derivative."""
    A, B = lift(const("A")), lift(const("B"))
    point, target = a * data + s * eps, A * data + B * eps
    determinant = a * B - s * A
    clean_back = derive((B * point - s * target).at(i)).to((determinant * data).at(i), by=algebra)
    noise_back = derive((a * target - A * point).at(i)).to((determinant * eps).at(i), by=algebra)
    slope = d_dt(log(a) - log(s), t)
    of_velocity = derive(a * ds - da * s).to(-a * s * slope, by=algebra)
    return clean_back.qed(), noise_back.qed(), of_velocity.qed()


class Circle:
    """C = cos θ and S = sin θ, as functions of time with their derivatives, and C² + S² = 1."""

    def __init__(self) -> None:
        self.angle, cos, sin = function("θ"), function("C", positive=True), function("S", positive=True)
        self.cos, self.sin, self.speed = lift(cos(t)), lift(sin(t)), d_dt(self.angle(t), t)
        self.d_cos = given("C = cos θ changes like a cosine", d_dt(cos(t), t), -self.speed * self.sin)
        self.d_sin = given("S = sin θ changes like a sine", d_dt(sin(t), t), self.speed * self.cos)
        self.unit = given("cos² θ + sin² θ = 1", self.cos**2 + self.sin**2, 1)


@derivation("trigonometric-flows", notation={"=α(t)": "R(t)*C(t)", "=σ(t)": "R(t)*S(t)"})
def trigonometric_flows() -> tuple[Theorem, ...]:
    """With R and θ the polar coordinates of (α, σ), differentiate x = R (cos θ x_0 + sin θ ε)."""
    c, R = Circle(), function("R", positive=True)
    r, growth = lift(R(t)), d_dt(R(t), t)
    alpha_, sigma_ = r * c.cos, r * c.sin
    d_alpha, d_sigma = d_dt(alpha_, t), d_dt(sigma_, t)
    one = derive(d_dt((alpha_ * data + sigma_ * eps).at(i), t)).to(
        (growth * (c.cos * data + c.sin * eps) + r * c.speed * (c.cos * eps - c.sin * data)).at(i),
        by=using(
            c.d_cos.inside(lambda e: r * e * data.at(i)),
            c.d_sin.inside(lambda e: r * e * eps.at(i)),
            text="the derivatives of cos and sin",
        ),
    )
    speed = (
        derive(alpha_ * d_sigma - d_alpha * sigma_)
        .to(
            r**2 * c.speed * (c.cos**2 + c.sin**2),
            by=using(
                c.d_sin.inside(lambda e: r**2 * c.cos * e),
                c.d_cos.inside(lambda e: -(r**2) * c.sin * e),
                text="the derivatives of cos and sin",
            ),
        )
        .to(r**2 * c.speed, by=c.unit.inside(lambda e: r**2 * c.speed * e))
    )
    together = given("x̂ and ε̂ are predictions at x", (alpha_ * clean + sigma_ * noise).at(i), X.at(i))
    marginal = (
        derive((d_alpha * clean + d_sigma * noise).at(i))
        .to(
            (growth * (c.cos * clean + c.sin * noise) + r * c.speed * (c.cos * noise - c.sin * clean)).at(i),
            by=using(
                c.d_cos.inside(lambda e: r * e * clean.at(i)),
                c.d_sin.inside(lambda e: r * e * noise.at(i)),
                text="the derivatives of cos and sin",
            ),
        )
        .to(
            (growth / r * X + r * c.speed * (c.cos * noise - c.sin * clean)).at(i),
            by=using(together.inside(lambda e: growth / r * e), text="α x̂ + σ ε̂ = x"),
        )
    )
    sin = function("S", positive=True)(t)
    kernel = gaussian(X, alpha_ * data, R(t) ** 2 * sin**2)
    scaled = derive(kernel).to(gaussian(X / r, c.cos * data, sin**2) - lift(DIM) * log(r), by=algebra)
    return one.qed(), speed.qed(), marginal.qed(), scaled.qed()


@derivation("velocity-loss-under-schedules", notation={"=c(t)": "α(t) + σ(t)", "=τ(t)": "σ(t)/(α(t) + σ(t))"})
def velocity_loss() -> Theorem:
    """Both velocities are heads of one prediction, so that their errors are multiples of the error in noise."""

    def heads(mark: str) -> tuple[Vec, Vec, Reason]:
        noise_, clean_, velocity, linear = (vector(letter + mark)(x, t) for letter in "εxvu")
        bodies = ((X - s * noise_) / a, da * clean_ + ds * noise_, noise_ - clean_)
        named = [
            definition(letter + mark, (x, t), body.at(i), (i,)) for letter, body in zip("xvu", bodies, strict=True)
        ]
        return velocity, linear, named[0] & named[1] & named[2]

    (v1, u1, one), (v2, u2, two) = heads("\u0302"), heads("\u0303")
    speed = lift(alpha(t) + sigma(t)) * d_dt(sigma(t) / (alpha(t) + sigma(t)), t)
    return derive(norm2(v1 - v2)).to(speed**2 * norm2(u1 - u2), by=one & two).qed()


@derivation("semilinear-lipschitz")
def semilinear_lipschitz() -> tuple[Theorem, Theorem]:
    """Expand both sides: what the bound leaves over is a sum of two terms, neither of them negative where N has the constant K."""
    y = Point("y")
    L, K = (const(name, positive=True) for name in ("L", "K"))
    apart, by = X - coords(y), vector("N")(x) - vector("N")(y)

    def bound(sign: int) -> Theorem:
        moved = lift(sign * L) * apart + by
        along = lift(sign * K) * apart - by
        spare = lift(1 + L / K) * (lift(K**2) * norm2(apart) - norm2(by)) + lift(L / K) * norm2(along)
        return derive(lift((L + K) ** 2) * norm2(apart) - norm2(moved)).to(spare, by=algebra).qed()

    return bound(1), bound(-1)


@derivation("forward-family", notation=TIMED)
def forward_family() -> Theorem:
    """The noise γ spreads the density by ½γ²Δp, and the drift ½γ²∇log p takes that off."""
    extra = function("γ")
    half = lift(HALF * extra(t) ** 2)
    score = grad(log(P), x)
    drift = F - lift(HALF * g(t) ** 2) * score + half * score
    of_rho = fokker_planck("ρ", drift, extra(t))
    of_p = derive(d_dt(P, t)).to(
        -div(P * drift, x) + half * lap(P, x), by=using(continuity_form(), text="the continuity equation of the flow")
    )
    return uniqueness(of_rho, of_p.qed(), "ρ", (x, t), P)
