# Denoising score matching is score matching up to a constant: at each x, before the integral over it.
import sympy as sp

x, a, b, s = sp.symbols("x a b s", real=True)
w, sigma, A, B = sp.symbols("w sigma A B", positive=True)


def kernel(x0):
    """N(x; x_0, σ²) without its constant."""
    return sp.exp(-((x - x0) ** 2) / (2 * sigma**2))


parts = {a: w * kernel(a), b: (1 - w) * kernel(b)}
p = sum(parts.values())
score = p.diff(x) / p
slopes = {x0: sp.diff(sp.log(kernel(x0)), x) for x0 in parts}
explicit = p * (s - score) ** 2 / 2
denoising = sum(part * (s - slopes[x0]) ** 2 for x0, part in parts.items()) / 2
variance = sum(part / p * slopes[x0] ** 2 for x0, part in parts.items()) - score**2

print("½E|s - ∇log p|² - ½E|s - ∇log q(·|x_0)|² = -½ E Var[∇log q(x|x_0) | x], whatever the value s of the field")
values = {kernel(a): A, kernel(b): B}
assert sp.cancel((explicit - denoising + p * variance / 2).subs(values)) == 0
assert sp.cancel(sp.diff(explicit - denoising, s).subs(values)) == 0
