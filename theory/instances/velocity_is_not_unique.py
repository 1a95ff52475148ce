# Densities do not fix the velocity that carries them; in two dimensions.
import sympy as sp

x, y = sp.symbols("x y", real=True)
p, psi, v0, v1 = (sp.Function(name)(x, y) for name in ("p", "psi", "v0", "v1"))


def divergence(field):
    return field[0].diff(x) + field[1].diff(y)


v = [v0, v1]
w = [-psi.diff(y), psi.diff(x)]  # has no divergence
u = [v0 + w[0] / p, v1 + w[1] / p]

print("∇·(u p) = ∇·(v p) for u = v + w/p, w = (-∂ψ/∂y, ∂ψ/∂x): the same ∂p/∂t")
assert sp.expand(divergence([c * p for c in u]) - divergence([c * p for c in v])) == 0
assert u != v

# N(0, I) stays in place when it turns
normal = sp.exp(-(x**2 + y**2) / 2)
assert sp.expand(divergence([-y * normal, x * normal])) == 0
assert sp.expand(divergence([y * normal, x * normal])) != 0
