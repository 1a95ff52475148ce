# A monotone weight is a mean of variational bounds, with an atom: for a weight and a cost of one form.
import sympy as sp

t = sp.symbols("t", nonnegative=True)
a, b, c, d = sp.symbols("a b c d", positive=True)

lam = a - b * t  # λ falls from a to a - b
cost = c + d * (1 - t) ** 2  # L(t), the prior's share c in it


def weight(u):
    """A weight that falls with λ."""
    return sp.exp(-u)


rising = sp.diff(weight(lam), t)
loss = -sp.integrate(sp.expand(weight(lam) * cost.diff(t)), (t, 0, 1))
mean = sp.integrate(sp.expand(rising * cost), (t, 0, 1))
atom = weight(a) * cost.subs(t, 0)
constant = weight(a - b) * cost.subs(t, 1)

print("-∫ω(λ_t) L'(t) dt = ∫(dω/dt) L dt + ω(λ_max) L(0) - ω(λ_min) L(1)")
assert sp.simplify(loss - (mean + atom - constant)) == 0
assert sp.simplify(sp.integrate(rising, (t, 0, 1)) + weight(a) - weight(a - b)) == 0
