# Tweedie's formula, on data of two points.
import sympy as sp

x, a, b = sp.symbols("x a b", real=True)
w, alpha, sigma = sp.symbols("w alpha sigma", positive=True)


def kernel(x0):
    """N(x; α x_0, σ²) without its constant."""
    return sp.exp(-((x - alpha * x0) ** 2) / (2 * sigma**2))


p = w * kernel(a) + (1 - w) * kernel(b)
posterior_mean = (w * kernel(a) * a + (1 - w) * kernel(b) * b) / p
score = sp.diff(sp.log(p), x)

print("α E[x_0 | x_t = x] = x + σ² d/dx log p_t(x)")
assert sp.cancel(sp.expand((alpha * posterior_mean - (x + sigma**2 * score)) * p)) == 0
