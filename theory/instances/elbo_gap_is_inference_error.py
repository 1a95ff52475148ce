# What the evidence lower bound misses is the inference error: a latent variable with two values, any encoder.
import sympy as sp

q, prior, l0, l1 = sp.symbols("q prior l0 l1", positive=True)  # q(1|x), p(1), and p(x|0), p(x|1)

p0, p1 = (1 - prior) * l0, prior * l1  # p(z) p(x|z)
evidence = p0 + p1
elbo = (1 - q) * sp.log(l0) + q * sp.log(l1) - ((1 - q) * sp.log((1 - q) / (1 - prior)) + q * sp.log(q / prior))


def log_ratio(encoder, joint):
    """log [q(z|x) / p(z|x)] with p(z|x) = p(z) p(x|z)/p(x)."""
    return sp.log(encoder) - (sp.log(joint) - sp.log(evidence))


gap = (1 - q) * log_ratio(1 - q, p0) + q * log_ratio(q, p1)

print("log p(x) - ELBO = KL(q(z|x) ‖ p(z|x))")
difference = sp.expand(sp.expand_log(sp.log(evidence) - elbo - gap, force=True))
assert difference == 0
