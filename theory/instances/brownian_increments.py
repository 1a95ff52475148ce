# The moments of a Brownian increment and of its square, in D = 1.
import sympy as sp

y = sp.symbols("y", real=True)
eta, T = sp.symbols("eta T", positive=True)
density = sp.exp(-(y**2) / (2 * eta)) / sp.sqrt(2 * sp.pi * eta)


def expectation(h):
    """E h(y), y ~ N(0, η)."""
    return sp.simplify(sp.integrate(sp.expand(h) * density, (y, -sp.oo, sp.oo)))


print("E y = 0, E y² = η, Var y² = 2η²: T/η squares add up to T with variance 2Tη")
assert expectation(y) == 0
assert expectation(y**2) == eta
variance = expectation((y**2 - eta) ** 2)
assert sp.simplify(variance - 2 * eta**2) == 0
assert sp.limit(T / eta * variance, eta, 0) == 0
