# One family of marginals, many joint laws: the covariance of the ends of a reverse process.
import sympy as sp

t, kappa = sp.symbols("t kappa", real=True)
c, a, v = sp.symbols("c a v", positive=True)  # data's width; α and V at the noisy end
alpha, sigma = (sp.Function(name, positive=True)(t) for name in ("alpha", "sigma"))
f = alpha.diff(t) / alpha
g2 = (sigma**2).diff(t) - 2 * f * sigma**2
V = alpha**2 * c**2 + sigma**2
log_K = kappa**2 * sp.log(a / alpha) + (1 + kappa**2) / 2 * sp.log(V) + (1 - kappa**2) / 2 * sp.log(v)
decay = f + (1 + kappa**2) / 2 * g2 / V

print(
    "K = (α_t/α_s)^κ² V_s^((1+κ²)/2) V_t^((1-κ²)/2) solves dK/ds = [f + ½(1+κ²) g²/V] K: another joint law for each κ"
)
assert sp.simplify(sp.expand_log(log_K).diff(t) - decay) == 0
