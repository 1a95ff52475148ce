# The variance of a linear SDE, and its equation.
import sympy as sp

s, t, P0, m0, k = sp.symbols("s t P0 m0 k", positive=True)

alpha = sp.exp(-k * t)  # α'/α = -k
g2 = lambda t: 1 + t**2
rate = sp.log(alpha).diff(t)
ratio = alpha / alpha.subs(t, s)
P = alpha**2 * P0 + sp.integrate(sp.expand(ratio**2 * g2(s)), (s, 0, t))
m = alpha * m0

print("P(t) = α² P(0) + ∫ (α_t/α_s)² g² ds solves P' = 2(α'/α) P + g², and m = α m(0) solves m' = (α'/α) m")
assert sp.simplify(P.diff(t) - 2 * rate * P - g2(t)) == 0
assert sp.simplify(P.subs(t, 0) - P0) == 0
assert sp.simplify(m.diff(t) - rate * m) == 0
