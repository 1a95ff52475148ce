# The variational bound of a chain, step by step: two states, two steps, from x_0 = 0.
import itertools

import sympy as sp

names = "a b c A B C"  # q(1|x_0=0), q(x_2=1|x_1=0), q(x_2=1|x_1=1); p(1), and below p(x_1=1|x_2), p(x_0=0|x_1)
a, b, c, A, B, C = sp.symbols(names, positive=True)
d0, d1 = sp.symbols("d0 d1", positive=True)
two = (0, 1)

q1 = {0: 1 - a, 1: a}
q2 = {(0, 0): 1 - b, (0, 1): b, (1, 0): 1 - c, (1, 1): c}  # (x_1, x_2)
prior = {0: 1 - A, 1: A}
reverse = {(0, 0): 1 - B, (0, 1): B, (1, 0): 1 - C, (1, 1): C}  # p(x_1|x_2), as (x_2, x_1)
decoder = {0: d0, 1: d1}  # p(x_0=0|x_1)

last = {x2: sum(q1[x1] * q2[x1, x2] for x1 in two) for x2 in two}  # q(x_2|x_0)
paths = list(itertools.product(two, two))
log = sp.log

whole = sum(
    q1[i] * q2[i, k] * (log(q1[i]) + log(q2[i, k]) - log(prior[k]) - log(reverse[k, i]) - log(decoder[i]))
    for i, k in paths
)
prior_term = sum(last[k] * (log(last[k]) - log(prior[k])) for k in two)
# q(x_1|x_2, x_0) = q(x_1|x_0) q(x_2|x_1)/q(x_2|x_0)
step_term = sum(
    last[k] * (q1[i] * q2[i, k] / last[k]) * (log(q1[i]) + log(q2[i, k]) - log(last[k]) - log(reverse[k, i]))
    for i, k in paths
)
decoder_term = -sum(q1[i] * log(decoder[i]) for i in two)

print(
    "E log [q(x_{1:2}|x_0)/p(x_{0:2})] = KL(q(x_2|x_0) ‖ p(x_2)) + E KL(q(x_1|x_2,x_0) ‖ p(x_1|x_2)) - E log p(x_0|x_1)"
)
assert sp.expand(whole - (prior_term + step_term + decoder_term)) == 0
