# Langevin dynamics leaves p in place for one strength of noise only.
import sympy as sp

x = sp.symbols("x", real=True)
c = sp.symbols("c", positive=True)
p = sp.Function("p")(x)

drift = sp.log(p).diff(x)
change = -(drift * p).diff(x) + c**2 / 2 * p.diff(x, 2)  # the right side of the Fokker-Planck equation at p

print("-(p ∇log p)' + ½c² p'' = (c²/2 - 1) p'', which is zero for every p only where c² = 2")
assert sp.expand(change - (c**2 / 2 - 1) * p.diff(x, 2)) == 0
assert sp.solve(sp.expand(change), c) == [sp.sqrt(2)]
