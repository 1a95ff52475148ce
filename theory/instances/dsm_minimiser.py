# Denoising score matching is least at the score: at each x, on data of two points.
import sympy as sp

x, a, b, s = sp.symbols("x a b s", real=True)
w, omega, alpha, sigma, A, B = sp.symbols("w omega alpha sigma A B", positive=True)


def kernel(x0):
    """N(x; α x_0, σ²) without its constant."""
    return sp.exp(-((x - alpha * x0) ** 2) / (2 * sigma**2))


parts = {a: w * kernel(a), b: (1 - w) * kernel(b)}
p = sum(parts.values())
# ω E[(s - ∇log p_t(x|x_0))²] at x, times p(x)
loss = omega * sum(part * (s - sp.diff(sp.log(kernel(x0)), x)) ** 2 for x0, part in parts.items())
score = p.diff(x) / p

print("ω(t) E[(s - ∇log p_t(x_t|x_0))² | x_t = x] is least at s = ∇log p_t(x), for every weight ω > 0")
values = {kernel(a): A, kernel(b): B}
assert sp.cancel(loss.diff(s).subs(s, score).subs(values)) == 0
assert sp.expand(loss.diff(s, 2) - 2 * omega * p) == 0  # positive: a minimum, and the only one
