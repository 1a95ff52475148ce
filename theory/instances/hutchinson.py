# Hutchinson's estimate of a trace, and its variance, for random signs in three dimensions.
from itertools import product

import sympy as sp

J = sp.Matrix(3, 3, lambda i, j: sp.Symbol(f"J{i}{j}"))
signs = [sp.Matrix(z) for z in product((-1, 1), repeat=3)]
probes = [(z.T * J * z)[0] for z in signs]
mean = sum(probes) / len(probes)
variance = sum((one - J.trace()) ** 2 for one in probes) / len(probes)
kappa = -2  # the excess kurtosis of a sign
pairs = sum(J[i, j] * (J[i, j] + J[j, i]) for i in range(3) for j in range(3))

print("E[zᵀJz] = tr J and Var[zᵀJz] = Σ J_ij (J_ij + J_ji) + κ Σ J_ii²")
assert sp.expand(mean - J.trace()) == 0
assert sp.expand(variance - pairs - kappa * sum(J[i, i] ** 2 for i in range(3))) == 0
