# Divergence from the reverse kernel is divergence from the posterior kernel, up to the information: at one x_i, on two states.
import itertools

import sympy as sp

r = sp.symbols("r", positive=True)  # the model: p(x_{i-1} = 1 | x_i)
# the joint table of x_0 and x_{i-1} given x_i, up to a common factor
j = {pair: sp.symbols(f"j{pair[0]}{pair[1]}", positive=True) for pair in itertools.product((0, 1), repeat=2)}
total = sum(j.values())
model = {0: 1 - r, 1: r}
data = {x0: j[x0, 0] + j[x0, 1] for x0 in (0, 1)}
state = {x: j[0, x] + j[1, x] for x in (0, 1)}
log = sp.log

marginal = sum(state[x] / total * (log(state[x]) - log(total) - log(model[x])) for x in (0, 1))
conditional = sum(p / total * (log(p) - log(data[x0]) - log(model[x])) for (x0, x), p in j.items())
information = sum(p / total * (log(p) + log(total) - log(data[x0]) - log(state[x])) for (x0, x), p in j.items())

print("KL(q(x_{i-1}|x_i) ‖ p) = E KL(q(x_{i-1}|x_i, x_0) ‖ p) - I(x_{i-1}; x_0 | x_i)")
difference = sp.expand(total * (marginal - conditional + information))
atoms = difference.atoms(sp.log)
assert all(sp.cancel(sp.together(difference.coeff(atom))) == 0 for atom in atoms)
assert sp.cancel(sp.together(difference.subs(dict.fromkeys(atoms, 0)))) == 0
assert sp.cancel(sp.together((marginal - conditional).diff(r))) == 0
