# A trajectory bends where the pairs' velocities spread: on a line, two streams of particles.
import sympy as sp

x, t, a, b = sp.symbols("x t a b", real=True)
f, g = sp.Function("f"), sp.Function("g")
one, two = f(x - a * t), g(x - b * t)  # densities of those that move at the velocity a, and at b
p = one + two
v = (a * one + b * two) / p
variance = (a**2 * one + b**2 * two) / p - v**2

print("p (∂v/∂t + v ∂v/∂x) = -∂(p Var[velocity])/∂x")
gap = p * (v.diff(t) + v * v.diff(x)) + (p * variance).diff(x)
assert sp.simplify(gap.doit()) == 0
