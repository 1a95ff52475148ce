# What Rectify takes off the quadratic cost, between independent N(0, 1) and N(0, 1): bend and spread add up to it.
import sympy as sp

t = sp.symbols("t", real=True)
V = (1 - t) ** 2 + t**2
speed = sp.sqrt(V).diff(t)  # of z_t = z_0 sqrt(V), which ends where it began
bend = speed**2  # E|z_1 - z_0 - dz/dt|²
spread = 2 - (2 * t - 1) ** 2 / V  # Var[x_1 - x_0] - Cov[x_1 - x_0, x_t]²/Var x_t
before, after = 2, 0  # E|x_1 - x_0|² and E|z_1 - z_0|²

print("E|x_1 - x_0|² - E|z_1 - z_0|² is the bend plus the spread, over time")
assert sp.simplify(sp.integrate(sp.simplify(bend + spread), (t, 0, 1)) - (before - after)) == 0
