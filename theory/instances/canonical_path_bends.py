# The path between two independent Gaussians bends: source N(0, a²) at t = 0, target N(0, b²) at t = 1.
import sympy as sp

t, a, b = sp.symbols("t a b", positive=True)
V = (1 - t) ** 2 * a**2 + t**2 * b**2  # the variance of x_t = (1 - t) x_0 + t x_1
slope = (t * b**2 - (1 - t) * a**2) / V  # Cov[x_1 - x_0, x_t] / Var x_t: v(x, t) is this times x
z = sp.sqrt(V) / a  # of the trajectory from z_0 = 1

print("dz/dt = v(z, t) for z = sqrt(V)/a, and d²z/dt² = z a² b²/V² is never zero")
assert sp.simplify(slope - V.diff(t) / (2 * V)) == 0
assert sp.simplify(z.diff(t) - slope * z) == 0
assert sp.simplify(z.diff(t, 2) - z * a**2 * b**2 / V**2) == 0
