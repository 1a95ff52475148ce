# A reverse step without drift is half flow, half Langevin.
import sympy as sp

x, s, z = sp.symbols("x s z", real=True)
h, g = sp.symbols("h g", positive=True)


def langevin(eta):
    return x + eta * s + sp.sqrt(2 * eta) * z


step = x + g**2 * h * s + g * sp.sqrt(h) * z
flow = g**2 / 2 * s * h

print("x + g² h s + g √h z is a Langevin step of size ½ g² h and a step of the flow")
assert sp.expand(langevin(g**2 * h / 2) + flow - step) == 0
# Langevin of size g² h has twice the variance
assert sp.expand(langevin(g**2 * h).coeff(z) ** 2 - 2 * step.coeff(z) ** 2) == 0
# drift ½ g² ∇log p and noise g keep p in place
p = sp.Function("p")(x)
assert sp.expand(-(g**2 / 2 * p.diff(x) / p * p).diff(x) + g**2 / 2 * p.diff(x, 2)) == 0
