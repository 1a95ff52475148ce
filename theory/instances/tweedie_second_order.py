# Tweedie's formula of second order, on data of two points.
import sympy as sp

x, a, b = sp.symbols("x a b", real=True)
w, alpha, sigma, A, B = sp.symbols("w alpha sigma A B", positive=True)


def kernel(x0):
    """N(x; α x_0, σ²) without its constant."""
    return sp.exp(-((alpha * x0 - x) ** 2) / (2 * sigma**2))


p = w * kernel(a) + (1 - w) * kernel(b)
mean, square = ((w * kernel(a) * a**n + (1 - w) * kernel(b) * b**n) / p for n in (1, 2))
bend = p.diff(x, 2) / p - (p.diff(x) / p) ** 2  # the second derivative of log p

print("α² Var[x_0 | x_t = x] = σ² + σ⁴ d²/dx² log p_t(x)")
difference = alpha**2 * (square - mean**2) - (sigma**2 + sigma**4 * bend)
assert sp.cancel(difference.subs({kernel(a): A, kernel(b): B})) == 0  # whatever the kernels' values A and B
