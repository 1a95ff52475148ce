# Langevin dynamics is the gradient flow of KL(p || q): its Fokker-Planck equation is a continuity equation.
import sympy as sp

x, tau = sp.symbols("x tau", real=True)
p, q = sp.Function("p")(x, tau), sp.Function("q")(x)

langevin = -(sp.log(q).diff(x) * p).diff(x) + p.diff(x, 2)  # ∂p/∂τ for dx = ∇log q dτ + sqrt(2) dw
E = sp.log(p) - sp.log(q) + 1  # the first variation of KL(p || q)
w = -E.diff(x)

print("∂p/∂τ + ∂(p w)/∂x = 0 for w = -∂E/∂x")
assert sp.simplify(sp.expand(langevin + (p * w).diff(x))) == 0
