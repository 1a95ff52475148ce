# The posterior mean of DDPM, written with the noise.
import sympy as sp

x_i, epsilon = sp.symbols("x_i epsilon", real=True)
beta, before = sp.symbols("beta abar", positive=True)  # β_i, and ᾱ_{i-1}
after = before * (1 - beta)  # ᾱ_i

x0 = (x_i - sp.sqrt(1 - after) * epsilon) / (sp.sqrt(before) * sp.sqrt(1 - beta))
with_data = (sp.sqrt(before) * beta * x0 + sp.sqrt(1 - beta) * (1 - before) * x_i) / (1 - after)
with_noise = (x_i - beta / sp.sqrt(1 - after) * epsilon) / sp.sqrt(1 - beta)

print("μ̃_i = [x_i - β_i ε/√(1-ᾱ_i)]/√(1-β_i)")
difference = sp.expand(with_data - with_noise)
assert sp.cancel(sp.together(difference.coeff(x_i))) == 0
assert sp.cancel(sp.together(difference.coeff(epsilon))) == 0
