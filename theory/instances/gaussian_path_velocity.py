# The velocity of a Gaussian path.
import sympy as sp

x, z, s = sp.symbols("x z s", real=True)
t = sp.symbols("t", real=True)
mu, sigma = sp.Function("mu"), sp.Function("sigma", positive=True)

v = mu(t).diff(t) + sigma(t).diff(t) / sigma(t) * (x - mu(t))
flow = mu(t) + sigma(t) / sigma(s) * (z - mu(s))  # from z at time s
p = sp.exp(-((x - mu(t)) ** 2) / (2 * sigma(t) ** 2)) / sigma(t)

print("v = μ' + (σ'/σ)(x - μ) is the velocity of x ↦ μ_t + (σ_t/σ_s)(x - μ_s), and carries N(μ_t, σ_t²)")
assert sp.expand(flow.diff(t) - v.subs(x, flow)) == 0
assert sp.cancel(sp.expand((p.diff(t) + (v * p).diff(x)) / p)) == 0
