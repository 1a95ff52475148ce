# DDPM's reverse step is not Euler-Maruyama.
import sympy as sp

x, noise = sp.symbols("x epsilon", real=True)
b, before = sp.symbols("b before", positive=True)
u, left = sp.sqrt(1 - b), 1 - (1 - b) * before  # left is 1 - ᾱ_i
score = -noise / sp.sqrt(left)
ancestral = (x - b * noise / sp.sqrt(left)) / u
euler = x + b / 2 * x + b * score

print("DDPM's mean less Euler-Maruyama's is 3/8 β² x - ½ β² ε/√(1-ᾱ) + O(β³)")
apart = sp.expand(ancestral - euler)
of_x, of_noise = apart.coeff(x), sp.simplify(apart.coeff(noise) * sp.sqrt(left))
assert sp.simplify(of_x - b**2 * (2 + u) / (2 * u * (1 + u) ** 2)) == 0
assert sp.simplify(of_noise + b**2 / (u * (1 + u))) == 0
assert sp.series(of_x, b, 0, 3).removeO() == sp.Rational(3, 8) * b**2
assert sp.series(of_noise, b, 0, 3).removeO() == -(b**2) / 2
assert sp.cancel(b - b * (1 - before) / left - b**2 * before / left) == 0
