# Likelihood along the probability flow, for normal data under any schedule.
import sympy as sp

x, m = sp.symbols("x m", real=True)
t, T, c2 = sp.symbols("t T c2", positive=True)
alpha, sigma = sp.Function("alpha", positive=True), sp.Function("sigma", positive=True)


def V(t):
    return alpha(t) ** 2 * c2 + sigma(t) ** 2


def log_p(x, t):
    """log of N(x; α m, α² c² + σ²), without log √2π."""
    return -((x - alpha(t) * m) ** 2) / (2 * V(t)) - sp.log(V(t)) / 2


def flow(T):
    """The flow's map from 0 to T."""
    return alpha(T) * m + sp.sqrt(V(T) / V(0)) * (x - alpha(0) * m)


f = alpha(t).diff(t) / alpha(t)
g2 = (sigma(t) ** 2).diff(t) - 2 * f * sigma(t) ** 2
v = f * x - g2 / 2 * log_p(x, t).diff(x)
divergence = v.diff(x)

print("log p_0(x_0) = log p_T(x_T) + ∫_0^T ∂v/∂x dt along dx/dt = v")
# the map solves the equation, and both sides, equal at T = 0, change with T at the same rate
assert sp.cancel(sp.together(flow(t).diff(t) - v.subs(x, flow(t)))) == 0
assert sp.cancel(sp.together(log_p(flow(t), t).diff(t) + divergence)) == 0
assert sp.cancel(sp.together(log_p(flow(t), t).subs(t, 0) - log_p(x, 0))) == 0
