# The marginal velocity carries the marginals, on data of two points.
import sympy as sp

x, a, b = sp.symbols("x a b", real=True)
t, w = sp.symbols("t w", positive=True)
alpha, sigma = (sp.Function(name, positive=True)(t) for name in ("alpha", "sigma"))

parts = {}
for weight, x0 in ((w, a), (1 - w, b)):
    parts[x0] = weight * sp.exp(-((x - alpha * x0) ** 2) / (2 * sigma**2)) / sigma
p = sum(parts.values())
conditional = {x0: alpha.diff(t) * x0 + sigma.diff(t) / sigma * (x - alpha * x0) for x0 in parts}
v = sum(part / p * conditional[x0] for x0, part in parts.items())  # E[u_t | x_t = x]

print("∂p/∂t + ∂(v* p)/∂x = 0 for v*(x) = E[u_t | x_t = x]")
flux = sum(part * conditional[x0] for x0, part in parts.items())
assert sp.expand(sp.together(v * p) - flux) == 0 or sp.cancel(v * p - flux) == 0
assert sp.expand(p.diff(t) + flux.diff(x)) == 0
