# Implicit score matching: the two integrands differ by a derivative, which integrates to nothing.
import sympy as sp

x = sp.symbols("x", real=True)
p, s = (sp.Function(name)(x) for name in "ps")

score = sp.log(p).diff(x)
explicit = p * (s - score) ** 2 / 2
implicit = p * (s.diff(x) + s**2 / 2)
constant = p * score**2 / 2

print(
    "½p(s - ∇log p)² - p(s' + ½s²) - ½p(∇log p)² = -(p s)': both losses differ by ½E|∇log p|² where p s vanishes at ±∞"
)
assert sp.expand(explicit - implicit - constant + (p * s).diff(x)) == 0
