# The best prediction in mean square is the conditional mean: X of two values, Y of three.
import sympy as sp

joint = sp.Matrix(2, 3, sp.symbols("j0:6", positive=True))  # up to a common factor
y = sp.symbols("y0:3", real=True)
h = sp.symbols("h0:2", real=True)

loss = sum(joint[row, k] * (h[row] - y[k]) ** 2 for row in range(2) for k in range(3))
best = sp.solve([loss.diff(value) for value in h], h)
mean = [sum(joint[row, k] * y[k] for k in range(3)) / sum(joint.row(row)) for row in range(2)]
excess = sum(sum(joint.row(row)) * (h[row] - mean[row]) ** 2 for row in range(2))

print("E(h(X) - Y)² is least at h = E[Y|X] only, and another h loses E(h(X) - E[Y|X])²")
assert all(sp.cancel(best[h[row]] - mean[row]) == 0 for row in range(2))
assert sp.cancel(sp.together(loss - loss.subs(best) - excess)) == 0
