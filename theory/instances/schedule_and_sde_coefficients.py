# Schedules and linear SDEs are the same thing.
import sympy as sp

t, s = sp.symbols("t s", positive=True)
alpha, sigma = (sp.Function(name, positive=True) for name in ("alpha", "sigma"))

lam = sp.log(alpha(t) / sigma(t))
f = sp.log(alpha(t)).diff(t)
g2 = (sigma(t) ** 2).diff(t) - 2 * f * sigma(t) ** 2

print("g² = (σ²)' - 2 (log α)' σ² = -2 σ² λ'; back: α = exp ∫f, σ² = ∫ (α_t/α_s)² g_s² ds")
assert sp.expand(g2 + 2 * sigma(t) ** 2 * lam.diff(t)) == 0
# the way back: (σ/α)² has the derivative g²/α²
assert sp.expand(((sigma(t) / alpha(t)) ** 2).diff(t) - g2 / alpha(t) ** 2) == 0

# flow matching, α = 1 - t and σ = t, there and back
f, g2 = -1 / (1 - t), 2 * t / (1 - t)
known = {alpha(t): 1 - t, sigma(t): t}
assert sp.cancel(sp.log(1 - t).diff(t) - f) == 0
assert sp.cancel(2 * t - 2 * f * t**2 - g2) == 0
assert sp.cancel((1 - t) ** 2 * sp.integrate(2 * s / (1 - s) ** 3, (s, 0, t)) - t**2) == 0
