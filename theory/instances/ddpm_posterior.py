# The posterior kernel of DDPM, by Bayes.
import sympy as sp

x, x_i, x0 = sp.symbols("x x_i x0", real=True)
beta, before = sp.symbols("beta abar", positive=True)  # β_i, and ᾱ_{i-1}
after = before * (1 - beta)  # ᾱ_i


def quadratic(x, mean, variance):
    return -((x - mean) ** 2) / (2 * variance)


mean = (sp.sqrt(before) * beta * x0 + sp.sqrt(1 - beta) * (1 - before) * x_i) / (1 - after)
variance = beta * (1 - before) / (1 - after)

print("q(x_{i-1}|x_i, x_0) = N(μ̃_i, β̃_i)")
bayes = (
    quadratic(x_i, sp.sqrt(1 - beta) * x, beta)
    + quadratic(x, sp.sqrt(before) * x0, 1 - before)
    - quadratic(x_i, sp.sqrt(before) * sp.sqrt(1 - beta) * x0, 1 - after)
)
difference = bayes - quadratic(x, mean, variance)
for power in (0, 1, 2):
    assert sp.cancel(sp.expand(difference).coeff(x, power)) == 0
assert sp.cancel(beta * (1 - before) / (1 - after) / variance) == 1  # the constants
