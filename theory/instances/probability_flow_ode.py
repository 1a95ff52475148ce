# The probability flow: the SDE's densities solve the continuity equation of v = f - ½ g² ∇log p.
import sympy as sp

x, t = sp.symbols("x t", real=True)
p, f = (sp.Function(name)(x, t) for name in "pf")
g = sp.Function("g")(t)

change = -(f * p).diff(x) + g**2 / 2 * p.diff(x, 2)  # ∂p/∂t, by the Fokker-Planck equation
v = f - g**2 / 2 * sp.log(p).diff(x)

print("∂p/∂t + ∂(v p)/∂x = 0 for v = f - ½ g² ∂log p/∂x")
assert sp.expand(change + (v * p).diff(x)) == 0
