# One-sided and two-sided conditional velocities agree along the path.
import sympy as sp

x0, epsilon = sp.symbols("x0 epsilon", real=True)
t = sp.symbols("t", positive=True)
alpha, sigma = (sp.Function(name, positive=True)(t) for name in ("alpha", "sigma"))

x = alpha * x0 + sigma * epsilon
two_sided = alpha.diff(t) * x0 + sigma.diff(t) * epsilon
one_sided = alpha.diff(t) * x0 + sigma.diff(t) / sigma * (x - alpha * x0)

print("α' x_0 + (σ'/σ)(x_t - α x_0) = α' x_0 + σ' ε = dx_t/dt")
assert sp.expand(one_sided - two_sided) == 0
assert sp.expand(two_sided - x.diff(t)) == 0
