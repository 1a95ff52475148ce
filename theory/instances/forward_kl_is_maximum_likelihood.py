# Least forward divergence is maximum likelihood: fitting a normal law to a mixture of two.
import sympy as sp

x, a, b, m = sp.symbols("x a b m", real=True)
w, c, v = sp.symbols("w c v", positive=True)


def normal(x, mean, variance):
    return sp.exp(-((x - mean) ** 2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)


def expectation(h):
    """E_p[h] for p = w N(a, c) + (1-w) N(b, c), h a polynomial in x; z is standard normal."""
    z = sp.symbols("z", real=True)
    density = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    moved = [sp.expand(h.subs(x, mean + sp.sqrt(c) * z)) for mean in (a, b)]
    return sum(k * sp.integrate(sp.expand(g * density), (z, -sp.oo, sp.oo)) for k, g in zip((w, 1 - w), moved))


likelihood = expectation(-((x - m) ** 2) / (2 * v)) - sp.log(2 * sp.pi * v) / 2  # E_p[log N(x; m, v)]
mean = w * a + (1 - w) * b
variance = c + w * (1 - w) * (a - b) ** 2

print("KL(p ‖ p_φ) = E_p[log p] - E_p[log p_φ]: least where E_p[log N(x; m, v)] is greatest, at the moments of p")
assert sp.cancel(likelihood.diff(m).subs(m, mean)) == 0
assert sp.cancel(sp.together(likelihood.diff(v).subs(m, mean).subs(v, variance))) == 0
# and the identity itself, on one component, where the divergence is known
kl = (sp.log(v / c) + (c + (a - m) ** 2) / v - 1) / 2
entropy = -(1 + sp.log(2 * sp.pi * c)) / 2  # E_p[log p]
assert sp.expand(sp.expand_log(kl - (entropy - likelihood.subs(w, 1)))) == 0
