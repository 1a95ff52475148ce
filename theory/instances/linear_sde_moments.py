# The moments of the linear SDE.
import sympy as sp

t = sp.symbols("t", positive=True)
alpha, sigma = (sp.Function(name, positive=True)(t) for name in ("alpha", "sigma"))

f = sp.log(alpha).diff(t)
g2 = (sigma**2).diff(t) - 2 * f * sigma**2

print("m' = f m and P' = 2 f P + g² are solved by m = α and P = σ²")
assert sp.expand(alpha.diff(t) - f * alpha) == 0
assert sp.expand((sigma**2).diff(t) - (2 * f * sigma**2 + g2)) == 0

# for f = -1, g² = 2, from the point 1: the Ornstein-Uhlenbeck process
P = sp.Function("P")
known = sp.dsolve(P(t).diff(t) - (-2 * P(t) + 2), P(t), ics={P(0): 0}).rhs
assert sp.expand(known - (1 - sp.exp(-2 * t))) == 0
