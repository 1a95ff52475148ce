# Noise, clean data, score, v and velocity are one field, on data of two points.
import sympy as sp

x, a, b = sp.symbols("x a b", real=True)
t, w, A, B = sp.symbols("t w A B", positive=True)
alpha, sigma = (sp.Function(name, positive=True)(t) for name in ("alpha", "sigma"))


def kernel(x0):
    """N(x; α x_0, σ²) without its constant."""
    return sp.exp(-((x - alpha * x0) ** 2) / (2 * sigma**2))


p = w * kernel(a) + (1 - w) * kernel(b)


def mean(target):
    """E[target(x_0, ε) | x_t = x], where ε = (x - α x_0)/σ."""
    return sum(k * kernel(c) / p * target(c, (x - alpha * c) / sigma) for k, c in ((w, a), (1 - w, b)))


score = p.diff(x) / p
f = alpha.diff(t) / alpha
g2 = (sigma**2).diff(t) - 2 * f * sigma**2
epsilon, x0 = mean(lambda x0, e: e), mean(lambda x0, e: x0)

print("ε* = -σ s*, x_0* = (x + σ² s*)/α, v* = α ε* - σ x_0*, α' x_0* + σ' ε* = f x - ½ g² s*")
differences = (
    epsilon + sigma * score,
    x0 - (x + sigma**2 * score) / alpha,
    mean(lambda x0, e: alpha * e - sigma * x0) - (alpha * epsilon - sigma * x0),
    mean(lambda x0, e: alpha.diff(t) * x0 + sigma.diff(t) * e) - (f * x - g2 / 2 * score),
)
for difference in differences:
    assert sp.cancel(sp.together(difference.subs({kernel(a): A, kernel(b): B}))) == 0
