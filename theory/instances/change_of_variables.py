# The change of variables formula, for affine, exponential and hyperbolic-tangent maps.
import sympy as sp

x, z, m = sp.symbols("x z m", real=True)
s = sp.symbols("s", positive=True)
prior = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)


def carried(inverse):
    """The density at x = f(z)."""
    return prior.subs(z, inverse) * sp.Abs(inverse.diff(x))


affine = carried((x - m) / s)
normal = sp.exp(-((x - m) ** 2) / (2 * s**2)) / (s * sp.sqrt(2 * sp.pi))
y = sp.symbols("y", positive=True)
exponential = prior.subs(z, sp.log(y)) * sp.log(y).diff(y)
lognormal = sp.exp(-(sp.log(y) ** 2) / 2) / (y * sp.sqrt(2 * sp.pi))
artanh = sp.log((1 + x) / (1 - x)) / 2
slope = 1 / (1 - x**2)  # of artanh

print(
    "p(x) = p_prior(f⁻¹(x)) |(f⁻¹)'(x)| is N(m, s²) for s z + m, the log-normal for e^z, and integrates to 1 for tanh z"
)
assert sp.simplify(affine - normal) == 0
assert sp.simplify(exponential - lognormal) == 0
assert sp.integrate(normal, (x, -sp.oo, sp.oo)) == 1
assert sp.simplify(artanh.diff(x) - slope) == 0
assert sp.simplify(slope.subs(x, sp.tanh(z)) * sp.tanh(z).diff(z)) == 1  # p(x) dx = p_prior(z) dz
