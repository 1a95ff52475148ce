# The Fokker-Planck equation of the linear SDE, on data of two points under any schedule.
import sympy as sp

x, a, b = sp.symbols("x a b", real=True)
w, t = sp.symbols("w t", positive=True)
alpha, sigma = (sp.Function(name, positive=True)(t) for name in ("alpha", "sigma"))

f = alpha.diff(t) / alpha
g2 = (sigma**2).diff(t) - 2 * f * sigma**2
kernels = [sp.exp(-((x - alpha * x0) ** 2) / (2 * sigma**2)) / sigma for x0 in (a, b)]
p = w * kernels[0] + (1 - w) * kernels[1]

residual = p.diff(t) + (f * x * p).diff(x) - g2 / 2 * p.diff(x, 2)

print("∂p/∂t = -∂(f x p)/∂x + ½ g² ∂²p/∂x² with f = α'/α, g² = (σ²)' - 2 f σ²")
rest = sp.expand(residual)
for k, weight in zip(kernels, (w, 1 - w)):  # the residual is a sum over the points, each its kernel times a polynomial
    own = sp.expand((weight * k).diff(t) + (f * x * weight * k).diff(x) - g2 / 2 * (weight * k).diff(x, 2))
    assert sp.cancel(sp.expand(own / k)) == 0
    rest -= own
assert sp.expand(rest) == 0
