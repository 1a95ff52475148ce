# The probability flow in four parametrisations.
import sympy as sp

x, epsilon = sp.symbols("x epsilon", real=True)  # a point, and the optimal noise there
t = sp.symbols("t", positive=True)
alpha, sigma = (sp.Function(name, positive=True)(t) for name in ("alpha", "sigma"))

x0 = (x - sigma * epsilon) / alpha  # since x = α x_0* + σ ε*
score = -epsilon / sigma
f = alpha.diff(t) / alpha
g2 = (sigma**2).diff(t) - 2 * f * sigma**2
slope = sp.log(alpha / sigma).diff(t)  # λ'

flow = f * x - g2 / 2 * score
forms = {
    "f x - σ λ' ε": f * x - sigma * slope * epsilon,
    "(σ'/σ) x + α λ' x_0": sigma.diff(t) / sigma * x + alpha * slope * x0,
    "f x + σ² λ' s": f * x + sigma**2 * slope * score,
    "α' x_0 + σ' ε": alpha.diff(t) * x0 + sigma.diff(t) * epsilon,
}

print("f x - ½ g² s = " + " = ".join(forms))
for form in forms.values():
    assert sp.expand(flow - form) == 0
