# The reverse-time SDE: p run backwards solves its Fokker-Planck equation.
import sympy as sp

x, t, tau, T = sp.symbols("x t tau T", real=True)
p, f = (sp.Function(name)(x, t) for name in "pf")
g = sp.Function("g")(t)

forward = -(f * p).diff(x) + g**2 / 2 * p.diff(x, 2)  # ∂p/∂t
reverse = f - g**2 * sp.log(p).diff(x)  # the drift of the reverse SDE on the original clock

# q(x, τ) = p(x, T-τ): its drift in τ is minus that, its noise the same g, and ∂q/∂τ = -∂p/∂t
change = -(-reverse * p).diff(x) + g**2 / 2 * p.diff(x, 2)

print("q_τ = p_{T-τ} obeys ∂q/∂τ = -∂/∂x(-(f - g² ∇log p) q) + ½ g² ∂²q/∂x²")
assert sp.expand(change - (-forward)) == 0
# the half of it would not do
assert sp.expand(-(-(f - g**2 / 2 * sp.log(p).diff(x)) * p).diff(x) + g**2 / 2 * p.diff(x, 2) + forward) != 0
