# Girsanov's ratio over one step, written with the noise of either law; and its mean under the second.
import sympy as sp

x, y, f, e = sp.symbols("x y f e", real=True)
h, g = sp.symbols("h g", positive=True)


def log_density(drift):
    """Of the step from y to x."""
    return -((x - y - h * drift) ** 2) / (2 * h * g**2) - sp.log(2 * sp.pi * h * g**2) / 2


delta = (f - e) / g
ratio = log_density(f) - log_density(e)
noise, other = (x - y - h * f) / g, (x - y - h * e) / g

print("log q/q̃ = δ Δw̃ - ½ h δ² = δ Δw + ½ h δ², and E q/q̃ = 1 under q̃; with Δw for Δw̃ the mean is exp(-h δ²)")
assert sp.simplify(ratio - (delta * other - h / 2 * delta**2)) == 0
assert sp.simplify(ratio - (delta * noise + h / 2 * delta**2)) == 0
z, d = sp.symbols("z d", real=True)  # Δw̃ = √h z, and Δw = Δw̃ - h δ
normal = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
mean = sp.integrate(sp.exp(d * sp.sqrt(h) * z - h / 2 * d**2) * normal, (z, -sp.oo, sp.oo))
wrong = sp.integrate(sp.exp(d * (sp.sqrt(h) * z - h * d) - h / 2 * d**2) * normal, (z, -sp.oo, sp.oo))
assert sp.simplify(mean) == 1
assert sp.simplify(wrong - sp.exp(-h * d**2)) == 0
