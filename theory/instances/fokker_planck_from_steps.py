# The Fokker-Planck equation by averaging one step, from two starting points.
import sympy as sp

x, y1, y2, f1, f2 = sp.symbols("x y1 y2 f1 f2", real=True)
h, g, w = sp.symbols("h g w", positive=True)
part = [
    weight * sp.exp(-((x - y - h * f) ** 2) / (2 * h * g**2)) / sp.sqrt(h)
    for weight, y, f in ((w, y1, f1), (1 - w, y2, f2))
]
density = part[0] + part[1]
drift = (f1 * part[0] + f2 * part[1]) / density  # E[f(y) | x]
change = -(drift * density).diff(x) + g**2 / 2 * density.diff(x, 2)

print("∂p/∂h = -∂(E[f(y)|x] p)/∂x + ½ g² ∂²p/∂x² for x = y + h f(y) + g √h z, y one of two points")
residual = sp.expand(sp.together(density.diff(h) - change))
at = {y1: -1, y2: sp.Rational(1, 2), f1: 2, f2: -1, g: 1, w: sp.Rational(1, 3)}
for point in ((0, sp.Rational(1, 2)), (1, 1), (sp.Rational(-3, 2), 2)):
    assert abs(residual.subs(at).subs({x: point[0], h: point[1]}).evalf(30)) < 1e-25
