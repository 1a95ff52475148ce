# The score of a Gaussian in the plane.
import sympy as sp

x, y, m, n = sp.symbols("x y m n", real=True)
a, b = sp.symbols("a b", positive=True)
c = sp.symbols("c", real=True)

covariance = sp.Matrix([[a, c], [c, b]])
off = sp.Matrix([x - m, y - n])
log_density = -(off.T * covariance.inv() * off)[0] / 2 - sp.log(covariance.det()) / 2 - sp.log(2 * sp.pi)
score = -covariance.inv() * off

print("∇log N(x; μ, Σ) = -Σ⁻¹ (x - μ)")
for i, at in enumerate((x, y)):
    assert sp.simplify(log_density.diff(at) - score[i]) == 0
