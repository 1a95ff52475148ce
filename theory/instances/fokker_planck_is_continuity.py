# The Fokker-Planck equation is a continuity equation, forwards and in reverse; in two dimensions.
import sympy as sp

X = sp.symbols("x y", real=True)
g = sp.symbols("g", positive=True)
p = sp.Function("p")(*X)
f = [sp.Function(f"f{i}")(*X) for i in range(2)]


def divergence(field):
    return sum(component.diff(x) for component, x in zip(field, X))


score = [sp.log(p).diff(x) for x in X]
laplacian = divergence([p.diff(x) for x in X])
fokker_planck = -divergence([c * p for c in f]) + g**2 / 2 * laplacian
v = [c - g**2 / 2 * s for c, s in zip(f, score)]
reverse = [-(c - g**2 * s) for c, s in zip(f, score)]

print("-∇·(f p) + ½g² Δp = -∇·(v p), v = f - ½g² ∇log p; for the drift -(f - g² ∇log p) it is minus that")
assert sp.expand(fokker_planck + divergence([c * p for c in v])) == 0
assert sp.expand(fokker_planck + (-divergence([c * p for c in reverse]) + g**2 / 2 * laplacian)) == 0
