"""Derivations of what a schedule costs: norms of targets, curvature, and the energies of paths."""

from __future__ import annotations

from concordant.theory.calculus import gaussian, i, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    definition,
    derive,
    divergence_theorem,
    fundamental_theorem,
    given,
    log_density,
    normalised,
    using,
)
from concordant.theory.kernel.terms import (
    DIM,
    D,
    Point,
    Vec,
    const,
    contract,
    coords,
    d_dt,
    delta,
    div,
    function,
    integral,
    lift,
    norm2,
    over_time,
    scalar,
    vector,
)
from concordant.theory.unification import alpha, clean, noise, sigma

x0, z = Point("x0"), Point("z")
p0, n = scalar("p0")(x0), scalar("n")(z)
X0, Z = coords(x0), coords(z)
standard = log_density("n", (z,), gaussian(Z, Vec(lambda i: lift(0)), 1))


def noise_is_centred() -> Theorem:
    """E z = 0."""
    return (
        derive(integral(n * Z.at(i), z))
        .to(-integral(D(n, z, i), z), by=standard)
        .to(0, by=divergence_theorem(Vec(lambda j: -n * delta(i, j)), z))
    ).qed()


def noise_is_unit() -> Theorem:
    """E|z|² = D."""
    return (
        derive(integral(n * norm2(Z), z))
        .to(lift(DIM) * integral(n, z) - integral(div(n * Z, z), z), by=standard)
        .to(
            lift(DIM) * integral(n, z), by=using(divergence_theorem(-(n * Z), z), text="the divergence theorem for n z")
        )
        .to(DIM, by=normalised("n"))
    ).qed()


@derivation("constant-target-norm", notation={"n": "N"})
def constant_target_norm() -> tuple[Theorem, ...]:
    """Expand the square: the product of data and noise has mean zero; then split off the mean of the data."""
    expanded = (
        derive(integral(n * p0 * norm2(Z - X0), z, x0))
        .to(
            integral(n * norm2(Z), z) * integral(p0, x0)
            - 2 * integral(p0 * contract(lambda j: X0.at(j) * integral(n * Z.at(j), z)), x0)
            + integral(n, z) * integral(p0 * norm2(X0), x0),
            by=algebra,
        )
        .to(
            lift(DIM) + integral(p0 * norm2(X0), x0),
            by=using(
                noise_is_unit().inside(lambda e: e * integral(p0, x0)),
                noise_is_centred().inside(lambda e: -2 * integral(p0 * contract(lambda j: X0.at(j) * e), x0)),
                text="the moments of the noise",
            )
            & normalised("n", "p0"),
        )
    ).qed()
    m = vector("m")()
    mean = definition("m", (), integral(X0.at(i) * p0, x0), (i,))
    centred = (
        derive(integral(p0 * norm2(X0), x0)).to(
            integral(p0 * norm2(X0 - m), x0) + norm2(m) * 1, by=mean & normalised("p0")
        )
    ).qed()
    return expanded, centred


@derivation("schedule-curvature")
def schedule_curvature() -> tuple[Theorem, ...]:
    """The product rule; and the derivative of α x̂ + σ ε̂ = x, whose right side stands still."""
    a, s = lift(alpha(t)), lift(sigma(t))
    da, ds = d_dt(alpha(t), t), d_dt(sigma(t), t)
    velocity = (da * clean + ds * noise).at(i)
    d_clean, d_noise = d_dt(clean.at(i), t), d_dt(noise.at(i), t)
    bent = d_dt(da, t) * clean.at(i) + d_dt(ds, t) * noise.at(i) + da * d_clean + ds * d_noise
    curvature = derive(d_dt(velocity, t)).to(bent, by=algebra).qed()
    together = given("x̂ and ε̂ are predictions at x", (a * clean + s * noise).at(i), coords(x).at(i))
    moving = (
        derive(a * d_clean + s * d_noise).to(
            -velocity, by=using(together.inside(lambda e: d_dt(e, t)), text="the derivative of α x̂ + σ ε̂ = x")
        )
    ).qed()
    linear = (d_dt(1 - t, t) * clean + d_dt(t, t) * noise).at(i)
    straight = derive(d_dt(linear, t)).to(d_noise - d_clean, by=algebra).qed()
    return curvature, moving, straight


# ------------------------------------------------------------------------------------------------ energies
rho = function("ρ")
first = given("ρ starts at 0", lift(rho(0)), 0)
last = given("ρ ends at 1", lift(rho(1)), 1)


@derivation("conditional-energy", notation={"n": "N"})
def conditional_energy() -> tuple[Theorem, Theorem]:
    """The velocity of a path is ρ' times that of the straight one; and ∫ρ'² exceeds 1 by ∫(ρ' - 1)²."""
    path = lift(1 - rho(t)) * X0 + lift(rho(t)) * Z
    rate = d_dt(rho(t), t)
    moving = Vec(lambda j: d_dt(path.at(j), t))
    joint = n * p0
    norm = derive(integral(joint * norm2(moving), z, x0)).to(
        rate**2 * integral(joint * norm2(Z - X0), z, x0), by=algebra
    )
    way, one = fundamental_theorem(lift(rho(t)), t, 0, 1), fundamental_theorem(lift(t), t, 0, 1)
    excess = (
        derive(over_time((rate - 1) ** 2, t, 0, 1))
        .to(over_time(rate**2, t, 0, 1) - 2 * over_time(rate, t, 0, 1) + over_time(1, t, 0, 1), by=algebra)
        .to(
            over_time(rate**2, t, 0, 1) - 2 * (lift(rho(1)) - lift(rho(0))) + 1,
            by=using(way.inside(lambda e: -2 * e), one, text="the fundamental theorem of calculus"),
        )
        .to(
            over_time(rate**2, t, 0, 1) - 1,
            by=using(first.inside(lambda e: 2 * e), last.inside(lambda e: -2 * e), text="the ends of ρ"),
        )
    )
    return norm.qed(), excess.qed()


@derivation("marginal-energy", notation={"p": "_t"})
def marginal_energy() -> tuple[Theorem, ...]:
    """With K' = √κ the energy is the integral of a squared derivative, (K(ρ(t))')², least where that derivative is constant."""
    K, M = function("K"), function("M")
    rate = d_dt(rho(t), t)
    p = scalar("p")(x, t)
    norm = derive(integral(p * norm2(d_dt(1 - rho(t), t) * clean + rate * noise), x)).to(
        rate**2 * integral(p * norm2(noise - clean), x), by=algebra
    )
    length = lift(K(rho(1))) - lift(K(rho(0)))
    speed = d_dt(K(rho(t)), t)
    whole = fundamental_theorem(lift(K(rho(t))), t, 0, 1)
    one = fundamental_theorem(lift(t), t, 0, 1)
    excess = (
        derive(over_time((speed - length) ** 2, t, 0, 1))
        .to(
            over_time(speed**2, t, 0, 1) - 2 * length * over_time(speed, t, 0, 1) + length**2 * over_time(1, t, 0, 1),
            by=algebra,
        )
        .to(
            over_time(speed**2, t, 0, 1) - length**2,
            by=using(
                whole.inside(lambda e: -2 * length * e),
                one.inside(lambda e: length**2 * e),
                text="the fundamental theorem of calculus, twice",
            ),
        )
    )
    flux, level = d_dt(M(rho(t)), t), lift(const("C"))
    printed = given("ρ' κ(ρ) is constant", flux, level)
    way = fundamental_theorem(lift(rho(t)), t, 0, 1)
    cost = (
        derive(over_time(rate * flux, t, 0, 1))
        .to(level * over_time(rate, t, 0, 1), by=printed.inside(lambda e: over_time(rate * e, t, 0, 1)))
        .to(level * (lift(rho(1)) - lift(rho(0))), by=way.inside(lambda e: level * e))
    )
    constant = (
        derive(level)
        .to(level * over_time(1, t, 0, 1), by=one.inside(lambda e: -level * e))
        .to(over_time(flux, t, 0, 1), by=printed.inside(lambda e: -over_time(e, t, 0, 1)))
        .to(lift(M(rho(1))) - lift(M(rho(0))), by=fundamental_theorem(lift(M(rho(t))), t, 0, 1))
    )
    return norm.qed(), excess.qed(), cost.qed(), constant.qed()
