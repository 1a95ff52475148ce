# The continuity equation, from small steps of a flow.
import sympy as sp

x, y, h = sp.symbols("x y h", real=True)
p, v = sp.Function("p"), sp.Function("v")

# the density of x + h v(x) at the point x + h v(x) is p(x)/(1 + h v'(x)); q = p + h·rate there, to first order in h
rate = -(v(x) * p(x)).diff(x)
there = p(x) / (1 + h * v(x).diff(x))
first_order = there.diff(h).subs(h, 0)
expected = rate + v(x) * p(x).diff(x)  # d/dh of p(x + h v) + h rate(x + h v) at h = 0

print("det(I + h ∇v) = 1 + h ∇·v + O(h²), so that the density of x + h v is p - h ∇·(v p) + O(h²)")
assert sp.expand(first_order - expected) == 0

# the determinant in two dimensions
v0, v1 = (sp.Function(name)(x, y) for name in ("v0", "v1"))
jacobian = sp.Matrix([[v0.diff(x), v0.diff(y)], [v1.diff(x), v1.diff(y)]])
determinant = (sp.eye(2) + h * jacobian).det()
assert sp.expand(determinant.subs(h, 0)) == 1
assert sp.expand(determinant.diff(h).subs(h, 0) - (v0.diff(x) + v1.diff(y))) == 0
