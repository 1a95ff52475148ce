# A step with frozen coefficients.
import sympy as sp

x, y, f = sp.symbols("x y f", real=True)  # f is the drift at y
h, g = sp.symbols("h g", positive=True)
kernel = sp.exp(-((x - y - h * f) ** 2) / (2 * h * g**2)) / sp.sqrt(2 * sp.pi * h * g**2)
change = -f * kernel.diff(x) + g**2 / 2 * kernel.diff(x, 2)

print("N(x; y + h f, h g²) obeys ∂k/∂h = -f ∂k/∂x + ½ g² ∂²k/∂x²")
assert sp.simplify((kernel.diff(h) - change) / kernel) == 0
