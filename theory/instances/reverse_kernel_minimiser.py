# Both divergences are least at the reverse kernel: at one x_i, on two states.
import itertools

import sympy as sp

r = sp.symbols("r", positive=True)  # the model: p(x_{i-1} = 1 | x_i)
# the joint table of x_0 and x_{i-1} given x_i, up to a common factor
j = {pair: sp.symbols(f"j{pair[0]}{pair[1]}", positive=True) for pair in itertools.product((0, 1), repeat=2)}
total = sum(j.values())
model = {0: 1 - r, 1: r}
data = {x0: j[x0, 0] + j[x0, 1] for x0 in (0, 1)}  # q(x_0|x_i), up to the factor
log = sp.log

conditional = sum(p / total * (log(p) - log(data[x0]) - log(model[x])) for (x0, x), p in j.items())
average = sum(data[x0] / total * (j[x0, 1] / data[x0]) for x0 in (0, 1))  # E[q(1|x_i, x_0) | x_i]
reverse = (j[0, 1] + j[1, 1]) / total  # q(1|x_i)

print("E KL(q(x_{i-1}|x_i, x_0) ‖ p) is least at E[q(x_{i-1}|x_i, x_0) | x_i] = q(x_{i-1}|x_i)")
assert sp.cancel(average - reverse) == 0
slope = sp.cancel(sp.together(conditional.diff(r)))
assert sp.cancel(slope.subs(r, reverse)) == 0
# the second derivative is a sum of squares, so that there is no other minimum
assert sp.cancel(sp.together(conditional.diff(r, 2) - (reverse / r**2 + (1 - reverse) / (1 - r) ** 2))) == 0
