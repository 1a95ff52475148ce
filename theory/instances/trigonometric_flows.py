# Every Gaussian path is a trigonometric one, rescaled: with cos and sin as they are, in D = 1.
import sympy as sp

x0, epsilon = sp.symbols("x0 epsilon", real=True)
t = sp.symbols("t", positive=True)
R, theta = sp.Function("R", positive=True)(t), sp.Function("theta", real=True)(t)

alpha, sigma = R * sp.cos(theta), R * sp.sin(theta)
circle, tangent = sp.cos(theta) * x0 + sp.sin(theta) * epsilon, sp.cos(theta) * epsilon - sp.sin(theta) * x0
velocity = alpha.diff(t) * x0 + sigma.diff(t) * epsilon

print(
    "with α = R cos θ and σ = R sin θ: dx/dt = R' (cos θ x_0 + sin θ ε) + R θ' (cos θ ε - sin θ x_0), R² θ' = ασ' - α'σ"
)
assert sp.expand(velocity - (R.diff(t) * circle + R * theta.diff(t) * tangent)) == 0
speed = alpha * sigma.diff(t) - alpha.diff(t) * sigma
assert sp.trigsimp(sp.expand(speed - R**2 * theta.diff(t))) == 0
