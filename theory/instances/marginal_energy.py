# The least marginal energy, for κ(ρ) = (1 + ρ)²: three paces.
import sympy as sp

t, rho = sp.symbols("t rho", nonnegative=True)
kappa = (1 + rho) ** 2


def energy(pace):
    """∫ρ'² κ(ρ) dt."""
    return sp.simplify(sp.integrate(sp.expand(pace.diff(t) ** 2 * kappa.subs(rho, pace)), (t, 0, 1)))


least = sp.integrate(1 + rho, (rho, 0, 1)) ** 2  # (∫√κ dρ)²
best = sp.sqrt(1 + 3 * t) - 1  # ρ' ∝ κ^{-1/2}
printed = sp.cbrt(1 + 7 * t) - 1  # ρ' ∝ 1/κ
for pace in (best, printed):
    assert (pace.subs(t, 0), pace.subs(t, 1)) == (0, 1)
assert sp.simplify((best.diff(t) * sp.sqrt(kappa.subs(rho, best))).diff(t)) == 0
assert sp.simplify((printed.diff(t) * kappa.subs(rho, printed)).diff(t)) == 0

print("∫ρ'²κ(ρ) dt is least, (∫√κ dρ)², for ρ' ∝ κ^{-1/2}; for ρ' ∝ 1/κ it is ∫κ dρ, as for ρ = t")
assert energy(best) == least
assert energy(printed) == energy(t) == sp.integrate(kappa, (rho, 0, 1))
assert energy(t) > least
