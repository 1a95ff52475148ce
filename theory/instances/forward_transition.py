# The forward transition between two times: it carries kernels to kernels, and composes.
import sympy as sp

x, y, x0 = sp.symbols("x y x0", real=True)
a_s, a_u, a_t, s_s, s_u, s_t = sp.symbols("a_s a_u a_t s_s s_u s_t", positive=True)


def transition(a1, s1, a2, s2):
    """Scale α_2/α_1 and variance σ_2² - (α_2/α_1)² σ_1²."""
    return a2 / a1, s2**2 - (a2 / a1) ** 2 * s1**2


early, late, whole = transition(a_s, s_s, a_u, s_u), transition(a_u, s_u, a_t, s_t), transition(a_s, s_s, a_t, s_t)

print("x_t | x_s ~ N(α_{t|s} x_s, σ²_{t|s}), α_{t|s} = α_t/α_s, σ²_{t|s} = σ_t² - α_{t|s}² σ_s²")
# from x_s = α_s x_0 + σ_s ε, one step more: mean and variance of x_t given x_0
assert sp.cancel(whole[0] * a_s * x0 - a_t * x0) == 0
assert sp.expand(whole[0] ** 2 * s_s**2 + whole[1] - s_t**2) == 0
# s → u → t is s → t
assert sp.cancel(late[0] * early[0] - whole[0]) == 0
assert sp.expand(late[1] + late[0] ** 2 * early[1] - whole[1]) == 0
# and the variance is positive where the signal-to-noise ratio falls
assert sp.expand(whole[1] - a_t**2 * (s_t**2 / a_t**2 - s_s**2 / a_s**2)) == 0
