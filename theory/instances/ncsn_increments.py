# NCSN's increments are those of an SDE without drift.
import sympy as sp

x, y, t, s = sp.symbols("x y t s", real=True)
s2 = sp.Function("s2", positive=True)  # σ²

added = s2(t) - s2(s)
kernel = sp.exp(-((x - y) ** 2) / (2 * added)) / sp.sqrt(2 * sp.pi * added)
half_g2 = s2(t).diff(t) / 2

print("N(x; y, σ_t² - σ_s²) obeys ∂k/∂t = ½ g² ∂²k/∂x² with g² = dσ²/dt: it is the kernel of dx = g dw")
assert sp.simplify((kernel.diff(t) - half_g2 * kernel.diff(x, 2)) / kernel) == 0
