# A family of reverse processes with the same marginals.
import sympy as sp

x, t = sp.symbols("x t", real=True)
p = sp.Function("p")(x, t)
f, g, gamma = (sp.Function(name)(t) for name in ("f", "g", "gamma"))

forward = -(f * x * p).diff(x) + g**2 / 2 * p.diff(x, 2)  # ∂p/∂t
drift = f * x - (g**2 + gamma**2) / 2 * sp.log(p).diff(x)
# backwards, q_τ = p_{T-τ} has the drift -drift and noise of strength γ, and ∂q/∂τ = -∂p/∂t
change = -(-drift * p).diff(x) + gamma**2 / 2 * p.diff(x, 2)

print("dx = [f x - ½(g² + γ²) ∇log p] dt + γ dw̄, run backwards, keeps the densities p_t for every γ(t)")
assert sp.expand(change + forward) == 0
