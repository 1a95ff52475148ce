# One step of a generator towards a velocity: two parameters, three outputs.
import sympy as sp

J = sp.Matrix(3, 2, sp.symbols("j0:6", real=True))
w = sp.Matrix(sp.symbols("w0:3", real=True))
e = sp.Matrix(sp.symbols("e0:2", real=True))
eta = sp.Symbol("eta", positive=True)
d = eta * (J.T * J).inv() * J.T * w


def loss(change):
    return (J * change - eta * w).dot(J * change - eta * w)


print("|J e - ηw|² - |J d - ηw|² = |J (e - d)|² for d = η (JᵀJ)⁻¹ Jᵀ w")
numbers = dict(zip([*J, *w, *e, eta], [2, 1, -1, 3, 1, 1, 5, -2, 7, 3, 4, sp.Rational(1, 3)]))
gap = loss(e) - loss(d) - (J * (e - d)).dot(J * (e - d))
assert gap.subs(numbers) == 0
assert all(sp.cancel(v) == 0 for v in J.T * (J * d - eta * w))
