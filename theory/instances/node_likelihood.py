# The likelihood of a neural ODE, for dx/dt = (a + b t) x from N(0, 1).
import sympy as sp

z, t, a, b = sp.symbols("z t a b", real=True)
T = sp.symbols("T", positive=True)

rate = a + b * t
growth = sp.integrate(rate, (t, 0, T))
end = z * sp.exp(growth)  # where the path from z is at T
divergence = growth  # ∫ of d/dx (rate x)
deviation = sp.exp(growth)  # x(T) ~ N(0, deviation²)


def log_normal(x, s):
    return -(x**2) / (2 * s**2) - sp.log(s) - sp.log(2 * sp.pi) / 2


print("log p(x(T)) = log p_prior(x(0)) - ∫ ∇·v dt")
assert sp.simplify(end.diff(T) - rate.subs(t, T) * end) == 0
difference = log_normal(end, deviation) - (log_normal(z, 1) - divergence)
assert sp.simplify(sp.expand_log(difference, force=True)) == 0
