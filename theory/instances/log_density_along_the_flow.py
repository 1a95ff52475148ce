# How the log-density changes along a flow.
import sympy as sp

x, t = sp.symbols("x t", real=True)
p, v = (sp.Function(name)(x, t) for name in "pv")
in_time = -(v * p).diff(x)  # ∂p/∂t, by the continuity equation

total_of_log = in_time / p + v * sp.log(p).diff(x)  # d/dt log p(x(t), t), along dx/dt = v
total = in_time + v * p.diff(x)

print("along dx/dt = v:  d/dt log p_t(x(t)) = -∂v/∂x  and  d/dt p_t(x(t)) = -p ∂v/∂x")
assert sp.expand(total_of_log + v.diff(x)) == 0
assert sp.expand(total + p * v.diff(x)) == 0

# seen to hold: p_t = N(0, V(t)), carried by v = V'/(2V) x, whose trajectories are x(t) = c √V
c = sp.symbols("c", real=True)
V = sp.Function("V", positive=True)(t)
along = (-((c * sp.sqrt(V)) ** 2) / (2 * V) - sp.log(V) / 2).diff(t)
assert sp.expand(along + V.diff(t) / (2 * V)) == 0
