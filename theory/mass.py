"""Derivations of mass conservation: a flow's density and the continuity equation, either from the other."""

from __future__ import annotations

from typing import Any

import sympy as sp

from concordant.theory.calculus import fokker_planck, i, mean_of_a_test_function, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    definition,
    derive,
    divergence_theorem,
    fundamental_theorem,
    given,
    instance,
    reversed_time,
    under_integral,
    uniqueness,
    using,
)
from concordant.theory.kernel.terms import (
    Along,
    Expr,
    const,
    contract,
    coords,
    d_dt,
    div,
    dot,
    grad,
    integral,
    log,
    over_time,
    scalar,
    time,
    vector,
)

ORIGIN = sp.Integer(0)
z, v = Along("z", t), vector("v")
end = const("T", positive=True)
P, V = scalar("p")(x, t), v(x, t)


def conserved(name: str) -> Theorem:
    """The continuity equation of a density of that name, carried by v."""
    density = scalar(name)(x, t)
    return given(f"the continuity equation of {name}", d_dt(density, t), -div(density * V, x))


def change_along(name: str, slope: str, rest: str) -> Theorem:
    """d/dt log p(z(t), t) = -(∇·v)(z(t), t), from p's continuity equation."""
    density, law = scalar(name)(x, t), scalar(name)(z, t)
    balance = definition(rest, (x, t), d_dt(density, t) + div(density * V, x))
    at_z = instance(derive(scalar(rest)(x, t)).to(0, by=conserved(name) & balance).qed(), x, z)
    named = balance & definition("u", (x, t), div(V, x))
    named = named & definition(slope, (x, t), grad(density, x).at(i), (i,))
    path = given("z solves dz/dt = v(z, t)", d_dt(coords(z).at(i), t), v(z, t).at(i))
    by = using(
        at_z.inside(lambda e: e / law),
        path.inside(lambda e: contract(lambda k: vector(slope)(z, t).at(k) * e) / law),
        text="the continuity equation at z(t), and dz/dt = v",
    )
    return derive(d_dt(log(law), t)).to(-scalar("u")(z, t), by=by & named).qed()


@derivation("mass-conservation", notation={"p": "_t", "ρ": "_t", "u": "∇·v", "h": "∇p_t", "k": "∇ρ_t"})
def mass_conservation() -> tuple[Theorem, Theorem]:
    """The carried density obeys the continuity equation, by its weak form; and where two densities obey it, both logarithms
    change by -∇·v along a trajectory, so their difference keeps the value that it starts with."""
    both = change_along("p", "h", "c"), change_along("ρ", "k", "e")
    apart = log(scalar("p")(z, t)) - log(scalar("ρ")(z, t))

    def at(s: Any) -> Expr:
        return log(scalar("p")(Along("z", s), s)) - log(scalar("ρ")(Along("z", s), s))

    still = derive(d_dt(apart, t)).to(0, by=using(both[0], both[1].inside(lambda e: -e))).qed()
    kept = (
        derive(at(end))
        .to(
            at(ORIGIN) + over_time(d_dt(apart, t), t, 0, end),
            by=using(
                fundamental_theorem(apart, t, 0, end).inside(lambda e: -e), text="the fundamental theorem of calculus"
            ),
        )
        .to(
            at(ORIGIN),
            by=using(
                still.inside(lambda e: over_time(e, t, 0, end)), text="both logarithms change by -∇·v along the way"
            ),
        )
    ).qed()
    return fokker_planck("ρ", V, 0), kept


@derivation("weak-continuity-equation", notation={"p": "_t"})
def weak_form() -> tuple[Theorem, Theorem]:
    """From the flow: the mean of φ changes by that of its slope along v. From the equation: integrate by parts."""
    phi = scalar("φ")(x)
    from_equation = (
        derive(d_dt(integral(phi * P, x), t))
        .to(integral(phi * d_dt(P, t), x), by=under_integral)
        .to(
            integral(phi * -div(P * V, x), x),
            by=using(conserved("p").inside(lambda e: integral(phi * e, x)), text="the continuity equation"),
        )
        .to(integral(P * dot(V, grad(phi, x)), x), by=divergence_theorem(-phi * P * V, x))
    ).qed()
    return mean_of_a_test_function(P, V, 0, x, t, "dx"), from_equation


@derivation("reverse-pushforward", notation={"p": "_t", "ρ": "_t", "dρ": "dx̄"})
def reverse_pushforward() -> Theorem:
    """In τ = T - t the flow has the velocity -v, and p at T - τ obeys the continuity equation that the carried density obeys:
    there is only one solution."""
    tau = time("τ")
    back = end - tau
    there = scalar("p")(x, back)
    forward = reversed_time(conserved("p"), t, tau, end)
    right = -div(there * -v(x, back), x)
    turned = derive(d_dt(there, tau)).to(
        right, by=using(forward.inside(lambda e: -e), text="the continuity equation at T - τ")
    )
    return uniqueness(fokker_planck("ρ", -v(x, back), 0, x, tau), turned.qed(), "ρ", (x, tau), there)
