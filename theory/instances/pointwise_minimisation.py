# A squared error splits into what can be predicted and what cannot: X of two values, Y of three.
import sympy as sp

joint = sp.Matrix(2, 3, sp.symbols("j0:6", positive=True))  # up to a common factor
y = sp.symbols("y0:3", real=True)
s = sp.symbols("s0:2", real=True)

total = sp.Integer(0)
for row in range(2):
    mass = sum(joint.row(row))
    mean = sum(joint[row, k] * y[k] for k in range(3)) / mass
    variance = sum(joint[row, k] * (y[k] - mean) ** 2 for k in range(3)) / mass
    loss = sum(joint[row, k] * (s[row] - y[k]) ** 2 for k in range(3))
    total += loss - mass * ((s[row] - mean) ** 2 + variance)

print("E(s(X) - Y)² = E(s(X) - E[Y|X])² + E Var[Y|X]")
assert sp.cancel(sp.together(total)) == 0
