# The reverse kernel of one step, on Gaussian data.
import sympy as sp

y, m, f = sp.symbols("y m f", real=True)
h, g, c = sp.symbols("h g c", positive=True)
a = 1 + f * h
precision = 1 / c**2 + a**2 / (g**2 * h)  # prior and step, multiplied
variance = 1 / precision
mean = variance * (m / c**2 + a * y / (g**2 * h))

print("x_t | x_{t+h} has the variance g² h + O(h²) and the mean y + h [-(f + g²/c²) y + g² m/c²] + O(h²)")
assert sp.limit(variance / h, h, 0) == g**2
slope = -(f + g**2 / c**2) * y + g**2 / c**2 * m
assert sp.simplify(sp.limit(sp.together((mean - y) / h), h, 0) - slope) == 0
r = g**2 + 2 * f * c**2 + f**2 * h * c**2
w = g**2 * h + a**2 * c**2
assert sp.cancel(variance - (g**2 * h - h**2 * g**2 * r / w)) == 0
second = (((f + g**2 / c**2) * r - f**2 * c**2) * y - g**2 * r / c**2 * m) / w
assert sp.cancel(mean - (y + h * slope + h**2 * second)) == 0
