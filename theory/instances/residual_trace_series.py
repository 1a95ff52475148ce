# The trace series of a residual layer, for nilpotent and diagonal matrices.
import sympy as sp

a, b, c, t = sp.symbols("a b c t", real=True)


def series(matrix, terms):
    """Σ (-1)^{k+1} tr(A^k)/k."""
    return sum(sp.Rational((-1) ** (k + 1), k) * (matrix**k).trace() for k in range(1, terms + 1))


nilpotent = sp.Matrix([[0, a, b], [0, 0, c], [0, 0, 0]])
diagonal = sp.diag(a * t, b * t)

print("log det(I + A) is Σ (-1)^{k+1} tr(A^k)/k: 0 for a nilpotent A, and term by term for a diagonal one")
assert (sp.eye(3) + nilpotent).det() == 1
assert series(nilpotent, 6) == 0
logarithm = sp.log((1 + a * t) * (1 + b * t))
expansion = sp.series(sp.expand_log(logarithm, force=True), t, 0, 7).removeO()
assert sp.expand(expansion - series(diagonal, 6)) == 0
