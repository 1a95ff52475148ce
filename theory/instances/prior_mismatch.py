# What a wrong prior costs: the divergence of two Gaussian laws of one linear process.
import sympy as sp

t = sp.symbols("t", real=True)
a, b, gamma = (sp.Function(name)(t) for name in ("a", "b", "gamma"))  # drift a x + b, noise γ
m, n = (sp.Function(name)(t) for name in ("m", "n"))
v, w = (sp.Function(name, positive=True)(t) for name in ("v", "w"))
moves = {
    m.diff(t): a * m + b, n.diff(t): a * n + b, v.diff(t): 2 * a * v + gamma**2, w.diff(t): 2 * a * w + gamma**2
}  # fmt: skip
kl = (sp.log(w / v) + (v + (m - n) ** 2) / w - 1) / 2  # of N(m, v) from N(n, w)
fisher = v * (1 / w - 1 / v) ** 2 + ((m - n) / w) ** 2  # E_p (∇log p - ∇log q)²

print("d/dt KL(p ‖ q) = -½ γ² E_p|∇log p - ∇log q|², and 0 for a flow")
change = kl.diff(t).subs(moves)
assert sp.simplify(change + gamma**2 / 2 * fisher) == 0
assert sp.simplify(change.subs(gamma, 0)) == 0
