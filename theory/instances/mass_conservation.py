# Mass conservation on a line: from a flow to the continuity equation, and back along trajectories.
import sympy as sp

x, t = sp.symbols("x t", real=True)
F, r, v = (sp.Function(name)(x, t) for name in ("F", "r", "v"))

p = F.diff(x)  # F is the mass below x
along = F.diff(t) + v * F.diff(x)  # how F changes along a trajectory
equation = p.diff(t) + (v * p).diff(x)

# two densities of one velocity: how the logarithm of their ratio changes along a trajectory
q = sp.Function("q")(x, t)
rates = {f.diff(t): -(v * f).diff(x) for f in (q, r)}
ratio = sp.log(q) - sp.log(r)
moved = (ratio.diff(t) + v * ratio.diff(x)).subs(rates)

print(
    "∂_t p + ∂_x(v p) is the slope of d/dt F(x(t), t), the mass below a trajectory; and log q - log r is constant along it"
)
assert sp.expand((along.diff(x) - equation).doit()) == 0
assert sp.expand(moved) == 0
