# Four probability flows, one flow: every schedule is flow matching's, at another scale and on another clock.
import sympy as sp

x0, epsilon = sp.symbols("x0 epsilon", real=True)
t = sp.symbols("t", positive=True)
alpha, sigma = (sp.Function(name, positive=True)(t) for name in ("alpha", "sigma"))

c = alpha + sigma  # the scale
tau = sigma / (alpha + sigma)  # flow matching's time
own, own_velocity = alpha * x0 + sigma * epsilon, alpha.diff(t) * x0 + sigma.diff(t) * epsilon
linear, linear_velocity = (1 - tau) * x0 + tau * epsilon, epsilon - x0

print(
    "x_t = c x^FM_τ and dx/dt = c' x^FM_τ + c τ' v^FM, with c = α + σ and τ = σ/(α + σ), pair by pair and so on average"
)
assert sp.cancel(sp.together(own - c * linear)) == 0
assert sp.cancel(sp.together(own_velocity - (c.diff(t) * linear + c * tau.diff(t) * linear_velocity))) == 0
# λ is the same on both clocks
assert sp.cancel(sp.together((1 - tau) / tau - alpha / sigma)) == 0
