# The reverse drift on two clocks.
import sympy as sp

x, t = sp.symbols("x t", real=True)
p, f = (sp.Function(name)(x, t) for name in ("p", "f"))
g = sp.Function("g")(t)
forward = -(f * p).diff(x) + g**2 / 2 * p.diff(x, 2)  # ∂p/∂t
drift = f - g**2 * p.diff(x) / p

print("reversed clock: drift -(f - g² ∇log p), noise g; original clock: drift f - g² ∇log p, and minus the diffusion")
assert sp.expand(-(-drift * p).diff(x) + g**2 / 2 * p.diff(x, 2) + forward) == 0
assert sp.expand(-(drift * p).diff(x) - g**2 / 2 * p.diff(x, 2) - forward) == 0
# the one drift on the other clock
assert sp.expand(-(-drift * p).diff(x) - g**2 / 2 * p.diff(x, 2) - forward - 2 * (drift * p).diff(x)) == 0
