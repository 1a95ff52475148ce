# Itô's product rule: what it leaves of one step has mean of second order in dt; both processes have one noise.
import sympy as sp

x, y, f, e, b, c, z = sp.symbols("x y f e b c z", real=True)
r = sp.symbols("r", positive=True)  # r = √dt

dw, dt = r * z, r**2  # z standard normal
dx, dy = f * dt + b * dw, e * dt + c * dw
rule = (f * y + x * e + b * c) * dt + (b * y + c * x) * dw
rest = sp.expand((x + dx) * (y + dy) - x * y - rule)


def expectation(polynomial):
    """E over z: E z^{2n} = (2n-1)!!."""
    return sum(k * sp.factorial2(n - 1) for (n,), k in sp.Poly(polynomial, z).terms() if n % 2 == 0)


print("d(x y) = (f y + x e + b c) dt + (b y + c x) dw: the rest has mean and mean square O(dt²)")
for moment in (expectation(rest), expectation(sp.expand(rest**2))):
    assert all(sp.expand(moment).coeff(r, power) == 0 for power in (0, 1, 2, 3))
