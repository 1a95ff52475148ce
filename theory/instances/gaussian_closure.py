# The third moment that a velocity gives a Gaussian.
import sympy as sp

x, m, f = sp.symbols("x m f", real=True)
c, g, h = sp.symbols("c g h", positive=True)
z = sp.symbols("z", real=True)
v0, v1, v2, v3 = sp.symbols("v0:4", real=True)


def mean(of):
    """E of a polynomial in x, for x ~ N(m, c²)."""
    poly = sp.Poly(sp.expand(of.subs(x, m + c * z)), z)
    return sum(k * (sp.factorial2(n - 1) if n % 2 == 0 else 0) for (n,), k in poly.terms())


v = v0 + v1 * x + v2 * x**2 + v3 * x**3
moved = x + h * v
third = sp.expand(mean((moved - mean(moved)) ** 3))

print("E[z³] = 3 h c⁴ E[v''] + O(h²): a velocity must have E[v''] = 0 to keep a Gaussian Gaussian")
assert sp.expand(third.coeff(h, 1) - 3 * c**4 * mean(v.diff(x, 2))) == 0
assert third.coeff(h, 0) == 0
# the line that keeps mean and variance right is the probability flow
a = f + g**2 / (2 * c**2)
b = -(g**2) * m / (2 * c**2)
assert sp.expand(a * m + b - f * m) == 0
assert sp.expand(2 * a * c**2 - 2 * f * c**2 - g**2) == 0
assert sp.expand(a * x + b - (f * x - g**2 / 2 * -(x - m) / c**2)) == 0
