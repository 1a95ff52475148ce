# A conditional affine path from any source, in one dimension.
import sympy as sp

x, z, t = sp.symbols("x z t", real=True)
a, b = sp.Function("a", positive=True)(t), sp.Function("b", real=True)(t)
source = sp.Function("p")

v = b.diff(t) * z + a.diff(t) / a * (x - b * z)
density = source((x - b * z) / a) / a
residual = density.diff(t) + (v * density).diff(x)

print("p_src((x - b z)/a)/a obeys the continuity equation of b' z + (a'/a)(x - b z), whatever p_src")
assert sp.simplify(residual.doit()) == 0
