# DDPM's steps are those of the variance-preserving SDE.
import sympy as sp

x, y, t, s = sp.symbols("x y t s", real=True)
b = sp.symbols("b", positive=True)
alpha = sp.Function("alpha", positive=True)

print("√(1-b) = 1 - b/2 - b²/(2(1+√(1-b))²); and N(x; α_t y/α_s, 1 - α_t²/α_s²) is the kernel of dx = -½βx dt + √β dw")
u = sp.symbols("u", positive=True)  # √(1-b)
rest = (1 - u**2) ** 2 / (2 * (1 + u) ** 2)
assert sp.cancel(u - (1 - (1 - u**2) / 2 - rest)) == 0
ratio = alpha(t) / alpha(s)
kernel = sp.exp(-((x - ratio * y) ** 2) / (2 * (1 - ratio**2))) / sp.sqrt(2 * sp.pi * (1 - ratio**2))
beta = -2 * alpha(t).diff(t) / alpha(t)
change = (beta / 2 * x * kernel).diff(x) + beta / 2 * kernel.diff(x, 2)
assert sp.simplify((kernel.diff(t) - change) / kernel) == 0
