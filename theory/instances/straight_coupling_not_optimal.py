# A straight coupling need not be optimal: a turn of the plane by an angle c keeps N(0, I).
import sympy as sp

t, c, w1, w2 = sp.symbols("t c w1 w2", real=True)
A = sp.Matrix([[sp.cos(c), -sp.sin(c)], [sp.sin(c), sp.cos(c)]])
w = sp.Matrix([w1, w2])
I = sp.eye(2)
cost = ((I - A).T * (I - A)).trace()  # E|x - A x|² = tr (I - A)ᵀ(I - A) for x ~ N(0, I)
apart = ((1 - t) * w + t * A * w).dot((1 - t) * w + t * A * w)
squares = (1 - 2 * t) ** 2 * w.dot(w) + t * (1 - t) * (w + A * w).dot(w + A * w)

print("it costs 2 (2 - tr A), and two lines are apart by the sum of two squares")
assert sp.simplify(cost - 2 * (2 - A.trace())) == 0
assert sp.simplify(sp.expand(apart - squares)) == 0
