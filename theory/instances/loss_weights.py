# One loss under five weights.
import sympy as sp

x, one, other = sp.symbols("x one other", real=True)  # a point, and two predictions of the noise there
t = sp.symbols("t", positive=True)
alpha, sigma = (sp.Function(name, positive=True)(t) for name in ("alpha", "sigma"))


def converted(epsilon):
    """A noise prediction as score, x_0, v and velocity."""
    x0 = (x - sigma * epsilon) / alpha
    return -epsilon / sigma, x0, alpha * epsilon - sigma * x0, alpha.diff(t) * x0 + sigma.diff(t) * epsilon


score, x0, v, velocity = (a - b for a, b in zip(converted(one), converted(other)))
difference = one - other

print("|Δε|² = σ²|Δs|² = (α²/σ²)|Δx_0|² = (α/(α²+σ²))²|Δv|² = (α/(α'σ - ασ'))²|Δvelocity|²")
weighted = (
    sigma**2 * score**2,
    alpha**2 / sigma**2 * x0**2,
    (alpha / (alpha**2 + sigma**2)) ** 2 * v**2,
    (alpha / (alpha.diff(t) * sigma - alpha * sigma.diff(t))) ** 2 * velocity**2,
)
for loss in weighted:
    assert sp.cancel(sp.together(loss - difference**2)) == 0
