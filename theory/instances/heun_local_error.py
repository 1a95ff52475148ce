# What Heun's step misses is of third order: on z' = z² + t, by its series.
import sympy as sp

t, h, z0 = sp.symbols("t h z0", real=True)

slope = lambda z, t: z**2 + t
z = z0
for _ in range(4):  # Picard's iterates, cut off: the series to order t⁴
    grown = sp.expand(z0 + sp.integrate(sp.expand(slope(z, t)), (t, 0, t)))
    z = sum(grown.coeff(t, power) * t**power for power in range(5))
euler = z0 + h * slope(z0, 0)
missed = sp.expand(z.subs(t, h) - z0 - h / 2 * (slope(z0, 0) + slope(euler, h)))
trapezoid = -sp.integrate(sp.expand(t * (h - t) / 2 * slope(z, t).diff(t, 2)), (t, 0, h))
at_euler = h / 2 * (slope(z.subs(t, h), h) - slope(euler, h))

print("z(h) less Heun's step = ½h [v at the end - v at Euler's point] - ½ ∫ t (h - t) d²/dt² v dt, which is O(h³)")
gap = sp.expand(missed - trapezoid - at_euler)
assert all(gap.coeff(h, power) == 0 for power in range(5))
assert all(missed.coeff(h, power) == 0 for power in range(3))
assert missed.coeff(h, 3) != 0
