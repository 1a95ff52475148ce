# The covariance of x_s and x_t given x_0: by the means over the two kernels.
import sympy as sp

x0, y, x = sp.symbols("x0 y x", real=True)
a_s, a_t, s_s, s_t = sp.symbols("a_s a_t s_s s_t", positive=True)
u, v = sp.symbols("u v", real=True)  # standard normal

ratio = a_t / a_s
added = sp.sqrt(s_t**2 - ratio**2 * s_s**2)
earlier = a_s * x0 + s_s * u
later = ratio * earlier + added * v


def expectation(h):
    """E over u and v, of a polynomial of degree 2."""
    p = sp.Poly(sp.expand(h), u, v)
    return sum(c for (n, k), c in p.terms() if (n, k) in ((0, 0), (2, 0), (0, 2)))


print("Cov(x_t, x_s | x_0) = (α_t/α_s) σ_s², and Var x_t = σ_t²")
covariance = expectation((later - a_t * x0) * (earlier - a_s * x0))
assert sp.simplify(covariance - ratio * s_s**2) == 0
assert sp.simplify(expectation((later - a_t * x0) ** 2) - s_t**2) == 0
