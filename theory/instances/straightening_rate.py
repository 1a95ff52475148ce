# Reflow straightens at the rate 1/K: three steps, each of which takes its bend S and its spread V off the cost.
import sympy as sp

E3, *parts = sp.symbols("E3 S1:4 V1:4", nonnegative=True)
S, V = parts[:3], parts[3:]
E2 = E3 + S[2] + V[2]
E1 = E2 + S[1] + V[1]
E0 = E1 + S[0] + V[0]
left = E0 - sum(S)

print("the cost before less the sum of the bends is the cost after plus the spreads: not negative")
assert sp.expand(left - E3 - sum(V)) == 0
assert left.is_nonnegative
