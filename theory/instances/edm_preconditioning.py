# Preconditioning for any schedule, from the moments of data and noise in D = 1.
import sympy as sp

alpha, sigma, s = sp.symbols("alpha sigma s", positive=True)
c = sp.symbols("c", real=True)


def second_moment(on_data, on_noise):
    """E (on_data x_0 + on_noise ε)² for E x_0² = s², E ε = 0 and E ε² = 1."""
    return on_data**2 * s**2 + on_noise**2


R = alpha**2 * s**2 + sigma**2
c_in, c_skip, c_out = 1 / sp.sqrt(R), alpha * s**2 / R, sigma * s / sp.sqrt(R)
residual = second_moment(1 - c * alpha, -c * sigma)  # of x_0 - c x_t

print("E(x_t/√R)² = 1, E(x_0 - c x_t)² = c_out² + R (c - c_skip)², and E((x_0 - c_skip x_t)/c_out)² = 1")
assert sp.cancel(second_moment(c_in * alpha, c_in * sigma) - 1) == 0
assert sp.cancel(residual - (c_out**2 + R * (c - c_skip) ** 2)) == 0
assert sp.cancel(residual.diff(c).subs(c, c_skip)) == 0
assert sp.cancel(residual.subs(c, c_skip) / c_out**2 - 1) == 0
# EDM: α = 1, σ = t
edm = {alpha: 1}
assert sp.limit(c_skip.subs(edm), sigma, 0) == 1
assert sp.limit(c_out.subs(edm), sigma, 0) == 0
assert sp.limit(c_skip.subs(edm), sigma, sp.oo) == 0
assert sp.limit(c_out.subs(edm), sigma, sp.oo) == s
