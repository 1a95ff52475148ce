# The clock of flow matching: time turned round, the velocity changes its sign.
import sympy as sp

x0, epsilon = sp.symbols("x0 epsilon", real=True)
t, tau, T = sp.symbols("t tau T", positive=True)
alpha, sigma = sp.Function("alpha", positive=True), sp.Function("sigma", positive=True)

ours = alpha(t).diff(t) * x0 + sigma(t).diff(t) * epsilon  # dx/dt on our clock, where t = 0 is data
b, a = alpha(T - tau), sigma(T - tau)  # their coefficients of data and of noise, where τ = 0 is noise
theirs = b.diff(tau) * x0 + a.diff(tau) * epsilon

print("u*(x, τ) = -v*(x, T - τ), pair by pair and so on average")
assert sp.expand((theirs + ours.subs(t, T - tau)).doit()) == 0

# flow matching: b = τ, a = 1 - τ are our α = 1 - t, σ = t at T = 1
here = {alpha: lambda t: 1 - t, sigma: lambda t: t}
moved = [sp.diff(here[c](1 - tau), tau) for c in (alpha, sigma)]
assert moved == [1, -1]
