# The evidence lower bound: a latent variable with two values, any encoder.
import sympy as sp

q, prior, l0, l1 = sp.symbols("q prior l0 l1", positive=True)  # q(1|x), p(1), and p(x|0), p(x|1)

p0, p1 = (1 - prior) * l0, prior * l1  # p(z) p(x|z)
evidence = p0 + p1
reconstruction = (1 - q) * sp.log(l0) + q * sp.log(l1)
kl = (1 - q) * sp.log((1 - q) / (1 - prior)) + q * sp.log(q / prior)
elbo = reconstruction - kl
exact = p1 / evidence  # p(1|x)

print(
    "log p(x) ≥ E_q[log p(x|z)] - KL(q ‖ p(z)): the right side is concave in q, and at its top, the posterior, it is log p(x)"
)
bend = sp.cancel(sp.together(elbo.diff(q, 2)))
assert sp.cancel(bend + 1 / (q * (1 - q))) == 0  # negative for 0 < q < 1
slope = elbo.diff(q)
assert sp.cancel(sp.exp(sp.expand_log(slope, force=True).subs(q, exact)).powsimp(force=True)) == 1
# at the posterior each log-ratio log[p(z) p(x|z)/q(z)] is log p(x)
assert sp.cancel(p1 / exact - evidence) == 0
assert sp.cancel(p0 / (1 - exact) - evidence) == 0
assert sp.expand(sp.expand_log(elbo - ((1 - q) * sp.log(p0 / (1 - q)) + q * sp.log(p1 / q)), force=True)) == 0
