# The density that a flow carries, for the flow of dx/dt = c √(1 + x²).
import sympy as sp

x, y, t, c = sp.symbols("x y t c", real=True)
p0 = sp.Function("p0")

v = c * sp.sqrt(1 + x**2)
flow = sp.sinh(sp.asinh(y) + c * t)
back = sp.sinh(sp.asinh(x) - c * t)
density = p0(back) * sp.sqrt(1 + back**2) / sp.sqrt(1 + x**2)  # p0 over the derivative of the flow there

residual = (density.diff(t) + (v * density).diff(x)).doit()
stretch = sp.log(flow.diff(y))
growth = stretch.diff(t) - v.diff(x).subs(x, flow)

print("p0(Ψ⁻¹(x)) / Ψ' starts at p0 and obeys the continuity equation, and log Ψ' grows by the divergence of v")
assert sp.simplify(density.subs(t, 0) - p0(x)) == 0
point = {x: sp.Rational(3, 4), y: sp.Rational(1, 3), t: sp.Rational(1, 2), c: sp.Rational(2, 5)}
concrete = residual.subs(p0, sp.Lambda(y, sp.exp(-(y**2)) * (2 + sp.sin(y)))).doit()
assert abs(sp.N(concrete.subs(point), 30)) < sp.Rational(1, 10**20)
assert abs(sp.N(growth.subs(point), 30)) < sp.Rational(1, 10**20)
