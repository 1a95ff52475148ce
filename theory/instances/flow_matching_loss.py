# Conditional flow matching is flow matching up to a constant: at each x, on data of two points.
import sympy as sp

x, a, b, v = sp.symbols("x a b v", real=True)
t, w, A, B = sp.symbols("t w A B", positive=True)  # A and B: the kernels' values N(x; α a, σ²), N(x; α b, σ²)
alpha, sigma = (sp.Function(name, positive=True)(t) for name in ("alpha", "sigma"))

targets = [alpha.diff(t) * c + sigma.diff(t) / sigma * (x - alpha * c) for c in (a, b)]  # u_t(x|x_0)
parts = [w * A, (1 - w) * B]
p = sum(parts)
marginal = sum(k * u for k, u in zip(parts, targets)) / p  # v* = E[u_t | x_t = x]
flow_matching = p * (v - marginal) ** 2
conditional = sum(k * (v - u) ** 2 for k, u in zip(parts, targets))
variance = sum(k * u**2 for k, u in zip(parts, targets)) / p - marginal**2

print("E(v - v*)² - E(v - u_t)² = -E Var[u_t | x_t], whatever the value v of the field")
assert sp.cancel(sp.together(flow_matching - conditional + p * variance)) == 0
assert sp.cancel(sp.together(sp.diff(flow_matching - conditional, v))) == 0
