# Itô's formula: what it leaves of one step has mean and mean square of second order in dt.
import sympy as sp

x, t, f, z = sp.symbols("x t f z", real=True)
g, dt, r = sp.symbols("g dt r", positive=True)  # r = √dt

h = lambda x, t: x**3 * (1 + t) + x * t**2
dw = r * z  # z standard normal
along = (h(x, t).diff(t) + h(x, t).diff(x) * f + g**2 / 2 * h(x, t).diff(x, 2)) * r**2
across = g * h(x, t).diff(x) * dw
rest = sp.expand(h(x + f * r**2 + g * dw, t + r**2) - h(x, t) - along - across)


def expectation(polynomial):
    """E over z: E z^{2n} = (2n-1)!!."""
    terms = sp.Poly(polynomial, z).terms()
    return sum(c * sp.factorial2(n - 1) for (n,), c in terms if n % 2 == 0)


print("dh = (∂_t h + h' f + ½ g² h'') dt + g h' dw for h = x³(1 + t) + x t²: the rest has mean and mean square O(dt²)")
for moment in (expectation(rest), expectation(sp.expand(rest**2))):
    assert all(sp.expand(moment).coeff(r, power) == 0 for power in (0, 1, 2, 3))
    assert sp.expand(moment).coeff(r, 4) != 0
