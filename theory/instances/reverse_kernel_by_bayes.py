# Bayes' rule with a linear log-density gives the reverse step.
import sympy as sp

x, y, f, s = sp.symbols("x y f s", real=True)  # y is x_{t+h}; f and s are taken there
h, g = sp.symbols("h g", positive=True)


def log_normal(at, mean, variance):
    """log N(at; mean, variance), but for the constant that all have."""
    return -((at - mean) ** 2) / (2 * variance) - sp.log(variance) / 2


tilted = log_normal(y, x + h * f, h * g**2) + s * (x - y)
step = log_normal(x, y - h * (f - g**2 * s), h * g**2)

print("log N(x'; x + h f, h g²) + s (x - x') = log N(x; x' - h (f - g² s), h g²) + h (½ g² s² - f s)")
assert sp.expand(tilted - step - h * (g**2 * s**2 / 2 - f * s)) == 0
