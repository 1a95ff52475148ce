# The log-density through three layers on a line.
import sympy as sp

z = sp.symbols("z", real=True)
layers = [lambda x: 2 * x + 1, lambda x: x + x**3, sp.sinh]

x, total = z, sp.Integer(0)
for layer in layers:
    u = sp.symbols("u", real=True)
    total += sp.log(layer(u).diff(u)).subs(u, x)
    x = layer(x)

print("log dx_3/dx_0 is the sum of the layers' log-derivatives, each where its own input is")
whole = sp.log(x.diff(z))
for value in (sp.Rational(-1, 2), sp.Rational(1, 3), sp.Integer(1)):
    assert abs(sp.N((whole - total).subs(z, value), 30)) < sp.Rational(1, 10**20)
