# The marginal score is the posterior mean of the conditional score, on data of two points.
import sympy as sp

x, a, b = sp.symbols("x a b", real=True)
w, alpha, sigma = sp.symbols("w alpha sigma", positive=True)


def log_kernel(x0):
    """log N(x; α x_0, σ²) without its constant."""
    return -((x - alpha * x0) ** 2) / (2 * sigma**2)


parts = {a: w * sp.exp(log_kernel(a)), b: (1 - w) * sp.exp(log_kernel(b))}
p = sum(parts.values())
posterior_mean = sum(part / p * log_kernel(x0).diff(x) for x0, part in parts.items())

print("d/dx log p(x) = E[d/dx log q(x|x_0) | x]")
assert sp.cancel(sp.expand((sp.diff(sp.log(p), x) - posterior_mean) * p)) == 0
