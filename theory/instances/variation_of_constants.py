# Variation of constants, for a growing factor and a source.
import sympy as sp

t, s, u = sp.symbols("t s u", real=True)
start = sp.symbols("start", real=True)

alpha = sp.exp(t**2 / 2)  # α'/α = t
source = t**3
factor = alpha.subs(t, u) / alpha.subs(t, s)  # E(s → u)
z = alpha / alpha.subs(t, 0) * start + sp.integrate(alpha / alpha.subs(t, s) * source.subs(t, s), (s, 0, t))

print("z(t) = E(0 → t) z(0) + ∫ E(s → t) N(s) ds solves z' = (α'/α) z + N, and E(s → u) E(u → t) = E(s → t)")
assert sp.simplify(z.diff(t) - (sp.log(alpha).diff(t) * z + source)) == 0
assert sp.simplify(z.subs(t, 0) - start) == 0
assert sp.simplify(factor * alpha / alpha.subs(t, u) - alpha / alpha.subs(t, s)) == 0
