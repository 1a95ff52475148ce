# The determinant of a planar layer, in two and in three dimensions.
import sympy as sp

for d in (2, 3):
    u, w, z = (sp.Matrix(sp.symbols(f"{name}:{d}", real=True)) for name in "uwz")
    b = sp.symbols("b", real=True)
    h = sp.Function("h")
    phase = w.dot(z) + b
    layer = z + u * h(phase)
    slope = sp.symbols("slope", real=True)  # h'(w·z + b)
    jacobian = sp.eye(d) + slope * u * w.T
    assert sp.expand(jacobian.det() - (1 + slope * u.dot(w))) == 0
    # and that is the layer's Jacobian
    s = sp.symbols("s", real=True)
    by_chain = h(s).diff(s).subs(s, phase)
    assert all(
        sp.simplify((layer[i].diff(z[j]) - int(i == j)).doit() - (u[i] * w[j] * by_chain).doit()) == 0
        for i in range(d)
        for j in range(d)
    )

print("det(I + h' u wᵀ) = 1 + h' u·w")
