# What Euler's step misses is an integral of the slope's change: on z' = z² + t, by its series.
import sympy as sp

t, h, z0 = sp.symbols("t h z0", real=True)

slope = lambda z, t: z**2 + t
z = z0
for _ in range(4):  # Picard's iterates: the series to order t⁴
    z = z0 + sp.integrate(sp.expand(slope(z, t)), (t, 0, t))
rate = sp.expand(slope(z, t)).diff(t)
missed = z.subs(t, h) - (z0 + h * slope(z0, 0))
weighted = sp.integrate(sp.expand((h - t) * rate), (t, 0, h))

print("z(h) - z(0) - h v(z(0), 0) = ∫ (h - t) d/dt v(z(t), t) dt, to order h⁴")
gap = sp.expand(missed - weighted)
assert all(gap.coeff(h, power) == 0 for power in range(5))
assert sp.expand(missed).coeff(h, 2) != 0
