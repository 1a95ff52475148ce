# A step's divergence is a difference of signal-to-noise ratios.
import sympy as sp

x_t, x0, guess = sp.symbols("x_t x0 guess", real=True)
a_s, a_t, s_s, s_t = sp.symbols("a_s a_t s_s s_t", positive=True)

ratio = a_t / a_s
added = s_t**2 - ratio**2 * s_s**2
variance = s_s**2 * added / s_t**2


def mean(x0):
    """Of x_s given x_t and x_0."""
    return ratio * s_s**2 / s_t**2 * x_t + a_s * added / s_t**2 * x0


kl = (mean(x0) - mean(guess)) ** 2 / (2 * variance)  # of two normal laws of one variance
snr_s, snr_t = a_s**2 / s_s**2, a_t**2 / s_t**2

print("KL(q(x_s|x_t, x_0) ‖ p(x_s|x_t)) = ½ (SNR_s - SNR_t) (x_0 - x̂_0)²")
assert sp.cancel(sp.together(kl - (snr_s - snr_t) / 2 * (x0 - guess) ** 2)) == 0
