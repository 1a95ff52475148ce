# The adjoint's gradient, for dx/dt = φ √(1 + x²) and any loss.
import sympy as sp

y, t, phi, T = sp.symbols("y t phi T", real=True)
L = sp.Function("L")

path = sp.sinh(sp.asinh(y) + phi * t)
root = sp.cosh(sp.asinh(y) + phi * t)  # √(1 + x²) along it
end = path.subs(t, T)
u = sp.symbols("u", real=True)
at_end = L(u).diff(u).subs(u, end)
adjoint = at_end * root.subs(t, T) / root
bend = phi * path / root  # ∂v/∂x

print("a' = -(∂v/∂x) a ends at L'(x(T)), and ∫ a ∂v/∂φ dt is dL/dφ")
assert sp.simplify(path.diff(t) - phi * root) == 0
assert sp.simplify(adjoint.diff(t) + bend * adjoint) == 0
gradient = sp.integrate(sp.simplify(adjoint * root), (t, 0, T))
assert sp.simplify(L(end).diff(phi).doit() - gradient.doit()) == 0
