# From the change of expectations to the Fokker-Planck equation: by parts, twice.
import sympy as sp

x = sp.symbols("x", real=True)
g = sp.symbols("g", positive=True)
p, f, h = (sp.Function(name)(x) for name in "pfh")

of_the_function = (h.diff(x) * f + g**2 / 2 * h.diff(x, 2)) * p  # the integrand of E[h' f + ½ g² h'']
of_the_density = h * (-(f * p).diff(x) + g**2 / 2 * p.diff(x, 2))  # of ∫ h ∂p/∂t
flux = h * f * p + g**2 / 2 * (h.diff(x) * p - h * p.diff(x))

print("(h' f + ½g² h'') p - h [-(f p)' + ½g² p''] = (a flux)', and h has compact support: so ∂p/∂t = -(f p)' + ½g² p''")
assert sp.expand(of_the_function - of_the_density - flux.diff(x)) == 0

# seen to hold: dx = (1 - 2x) dt + g dw from the point 3, whose law is normal
t = sp.symbols("t", positive=True)
m = sp.Rational(1, 2) + sp.Rational(5, 2) * sp.exp(-2 * t)
V = g**2 * (1 - sp.exp(-4 * t)) / 4
q = sp.exp(-((x - m) ** 2) / (2 * V)) / sp.sqrt(V)
residual = q.diff(t) + ((1 - 2 * x) * q).diff(x) - g**2 / 2 * q.diff(x, 2)
assert sp.cancel(sp.expand((residual / q).subs(sp.exp(-4 * t), sp.exp(-2 * t) ** 2))) == 0
