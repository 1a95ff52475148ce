# The one-sided conditional path and its velocity.
import sympy as sp

x, z, t = sp.symbols("x z t", real=True)
a, b = sp.Function("a", positive=True)(t), sp.Function("b", real=True)(t)

p = sp.exp(-((x - b * z) ** 2) / (2 * a**2)) / a
v = b.diff(t) * z + a.diff(t) / a * (x - b * z)

print("N(b z, a²) obeys the continuity equation of b' z + (a'/a)(x - b z)")
assert sp.simplify((p.diff(t) + (v * p).diff(x)) / p) == 0
