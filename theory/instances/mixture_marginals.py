# A mixture stays a mixture: one component, with its square completed.
import sympy as sp

x, x0, m = sp.symbols("x x0 m", real=True)
alpha, sigma, c = sp.symbols("alpha sigma c", positive=True)


def log_normal(at, mean, variance):
    """log N(at; mean, variance), but for the constant that all have."""
    return -((at - mean) ** 2) / (2 * variance) - sp.log(variance) / 2


wider = alpha**2 * c + sigma**2
gain = alpha * c / wider
posterior = log_normal(x0, m + gain * (x - alpha * m), c * sigma**2 / wider)  # integrates to 1 over x0

print("N(x; α x0, σ²) N(x0; m, c) = N(x; α m, α² c + σ²) times a density of x0: integrate, and sum over components")
both = log_normal(x, alpha * x0, sigma**2) + log_normal(x0, m, c)
apart = sp.expand_log(both - log_normal(x, alpha * m, wider) - posterior, force=True)
assert sp.simplify(apart) == 0
