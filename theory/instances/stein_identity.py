# Stein's identity, for powers and for exponentials.
import sympy as sp

z, x = sp.symbols("z x", real=True)
k, sigma = sp.symbols("k sigma", positive=True)
density = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)


def expectation(h):
    """E h(z), z standard normal."""
    return sp.integrate(sp.expand(h) * density, (z, -sp.oo, sp.oo))


print("E[z u(z)] = E[u'(z)], and E[(x̃ - x) a(x̃) | x] = σ² E[a'(x̃) | x] for x̃ = x + σ z")
for u in (z, z**3 - z, sp.exp(k * z)):
    assert sp.expand(expectation(z * u) - expectation(u.diff(z))) == 0
y = sp.symbols("y", real=True)
for a in (y**2, y**3):
    moved = {y: x + sigma * z}
    assert sp.expand(expectation(sigma * z * a.subs(moved)) - sigma**2 * expectation(a.diff(y).subs(moved))) == 0
# the reason: z times the density is minus its derivative
assert sp.expand(z * density + density.diff(z)) == 0
