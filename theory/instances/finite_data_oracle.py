# The oracle of finitely many data, for two data on a line.
import sympy as sp

x, a, b = sp.symbols("x a b", real=True)
w, t, A, B = sp.symbols("w t A B", positive=True)
alpha, sigma = (sp.Function(name, positive=True)(t) for name in ("alpha", "sigma"))


def kernel(datum):
    """N(x; α datum, σ²) without its constant."""
    return sp.exp(-((x - alpha * datum) ** 2) / (2 * sigma**2))


p = w * kernel(a) + (1 - w) * kernel(b)
r = [w * kernel(a) / p, (1 - w) * kernel(b) / p]  # the softmax
score = sp.diff(sp.log(p), x)
f = alpha.diff(t) / alpha
g2 = (sigma**2).diff(t) - 2 * f * sigma**2
velocity = sum(
    share * (alpha.diff(t) * datum + sigma.diff(t) / sigma * (x - alpha * datum)) for share, datum in zip(r, (a, b))
)


def zero(e):
    """Whatever the kernels' values are."""
    return sp.cancel(sp.together(e.subs({kernel(a): A, kernel(b): B}))) == 0


print("∇log p_t = -Σ r_k (x - α x^(k))/σ², and v* = Σ r_k [α' x^(k) + (σ'/σ)(x - α x^(k))] = f x - ½ g² ∇log p_t")
assert zero(score + (r[0] * (x - alpha * a) + r[1] * (x - alpha * b)) / sigma**2)
assert zero(velocity - (f * x - g2 / 2 * score))
