# The divergence of two steps of one variance.
import sympy as sp

x, y, b, s, guess = sp.symbols("x y b s guess", real=True)
h, g = sp.symbols("h g", positive=True)


def log_density(score):
    """Of the step of drift b + g² times the score, from y to x."""
    return -((x - y - h * (b + g**2 * score)) ** 2) / (2 * h * g**2)


z = sp.symbols("z", real=True)  # x = y + h (b + g² s) + √h g z, z standard normal
here = {x: y + h * (b + g**2 * s) + sp.sqrt(h) * g * z}
gap = sp.Poly(sp.expand((log_density(s) - log_density(guess)).subs(here)), z)
kl = gap.coeff_monomial(1) + gap.coeff_monomial(z**2)

print("KL = ½ h g² (s - s_φ)²")
assert sp.simplify(kl - h * g**2 / 2 * (s - guess) ** 2) == 0
