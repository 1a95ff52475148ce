# The posterior kernel between two times s < t, by Bayes.
import sympy as sp

x_s, x_t, x0 = sp.symbols("x_s x_t x0", real=True)
a_s, a_t, s_s, s_t = sp.symbols("a_s a_t s_s s_t", positive=True)


def log_normal(x, mean, variance):
    return -((x - mean) ** 2) / (2 * variance) - sp.log(variance) / 2


ratio = a_t / a_s
added = s_t**2 - ratio**2 * s_s**2
mean = ratio * s_s**2 / s_t**2 * x_t + a_s * added / s_t**2 * x0
variance = s_s**2 * added / s_t**2

print("x_s | x_t, x_0 ~ N( (α_{t|s} σ_s² x_t + α_s σ²_{t|s} x_0)/σ_t², σ_s² σ²_{t|s}/σ_t² )")
bayes = log_normal(x_t, ratio * x_s, added) + log_normal(x_s, a_s * x0, s_s**2) - log_normal(x_t, a_t * x0, s_t**2)
difference = bayes - log_normal(x_s, mean, variance)
assert sp.cancel(sp.together(difference.diff(x_s))) == 0
# nothing is left but the constant: at one point, and the logarithms among themselves
assert sp.cancel(sp.together(difference.replace(sp.log, lambda _: 0).subs(x_s, 0))) == 0
assert sp.cancel(added * s_s**2 / s_t**2 / variance) == 1
