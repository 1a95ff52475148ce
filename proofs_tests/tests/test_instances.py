"""The plain sympy scripts: each runs alone and holds, and fails when the formula in it is altered."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from concordant.theory import instances, registry

#: A wrong formula for each script: what to replace, and by what.  Its assertions must then fail.
ALTERED = {
    "adjoint-sensitivity": ("bend = phi * path / root", "bend = -phi * path / root"),
    "anderson-reversal": ("reverse = f - g**2 *", "reverse = f + g**2 *"),
    "brownian-increments": ("variance - 2 * eta**2", "variance - eta**2"),
    "any-source": ("/ a) / a", "/ a)"),
    "change-of-variables": ("sp.Abs(inverse.diff(x))", "sp.Abs(inverse)"),
    "change-of-variables-along-a-flow": ("p0(back) * sp.sqrt(1 + back**2)", "p0(back)"),
    "composed-layers": (".subs(u, x)", ".subs(u, z)"),
    "canonical-path-bends": ("* a**2 * b**2 / V**2", "* a**2 * b**2 / V"),
    "conditional-velocities": ("sigma.diff(t) / sigma * (x", "sigma.diff(t) * (x"),
    "conjugate-flows": ("tau = sigma / (alpha + sigma)", "tau = sigma / alpha"),
    "continuity-equation": ("sigma.diff(t) / sigma * (x", "sigma.diff(t) / sigma * (2 * x"),
    "continuity-from-flow": ("rate = -(v(x)", "rate = (v(x)"),
    "ddpm-and-euler-maruyama": ("b / 2 * x + b * score", "b / 2 * x - b * score"),
    "ddpm-elbo-terms": ("decoder_term = -sum(", "decoder_term = sum("),
    "ddpm-posterior": ("variance = beta * (1 - before) / (1 - after)", "variance = beta"),
    "ddpm-posterior-epsilon-form": ("beta / sp.sqrt(1 - after) * epsilon", "beta / (1 - after) * epsilon"),
    "ddpm-snr-kl": ("(snr_s - snr_t) / 2", "(snr_s - snr_t)"),
    "ddpm-steps": ("beta / 2 * x * kernel", "beta * x * kernel"),
    "denoising-score-matching": ("p * variance / 2", "p * variance"),
    "dsm-minimiser": ("score = p.diff(x) / p", "score = -p.diff(x) / p"),
    "edm-preconditioning": ("alpha * s**2 / R, sigma", "s**2 / R, sigma"),
    "elbo": ("exact = p1 / evidence", "exact = p1"),
    "elbo-gap-is-inference-error": ("elbo - gap", "elbo + gap"),
    "euler-local-error": ("(h - t) * rate", "h * rate"),
    "finite-data-oracle": ("alpha.diff(t) * datum + sigma", "alpha.diff(t) * datum - sigma"),
    "flow-matching-clock": ("b.diff(tau) * x0 + a.diff(tau)", "b.diff(tau) * x0 - a.diff(tau)"),
    "flow-matching-loss": ("+ p * variance)", "- p * variance)"),
    "fokker-planck": ("- g2 / 2 * p.diff(x, 2)", "- g2 * p.diff(x, 2)"),
    "fokker-planck-any-drift": ("h * (-(f * p).diff(x) + g**2 / 2", "h * (-(f * p).diff(x) + g**2"),
    "fokker-planck-from-steps": ("(f1 * part[0] + f2 * part[1]) / density", "(f1 + f2) / 2"),
    "fokker-planck-is-continuity": ("v = [c - g**2 / 2 * s", "v = [c - g**2 * s"),
    "forward-kl-is-maximum-likelihood": ("variance = c + w * (1 - w)", "variance = c + w"),
    "forward-transition": ("s2**2 - (a2 / a1) ** 2 * s1**2", "s2**2 - s1**2"),
    "gaussian-closure": ("3 * c**4 * mean", "3 * c**2 * mean"),
    "gaussian-path-velocity": ("sigma(t).diff(t) / sigma(t) * (x", "sigma(t).diff(t) * (x"),
    "gaussian-score": ("score = -covariance.inv()", "score = -covariance"),
    "girsanov": ("delta * other - h / 2", "delta * other + h / 2"),
    "heun-local-error": ("t * (h - t) / 2 *", "t * (h - t) *"),
    "gaussian-reverse-kernel": ("slope = -(f + g**2 / c**2) * y", "slope = (f - g**2 / c**2) * y"),
    "hutchinson": ("kappa = -2 ", "kappa = 0 "),
    "implicit-score-matching": ("p * (s.diff(x) + s**2 / 2)", "p * (s.diff(x) / 2 + s**2 / 2)"),
    "ito-formula": ("g**2 / 2 * h(x, t).diff(x, 2)", "g**2 * h(x, t).diff(x, 2)"),
    "ito-product-rule": ("x * e + b * c)", "x * e)"),
    "l2-projection": ("/ sum(joint.row(row))", "/ sum(joint)"),
    "langevin-stationarity": ("(c**2 / 2 - 1)", "(c**2 - 1)"),
    "linear-sde-moments": ("- 2 * f * sigma**2", "- f * sigma**2"),
    "linear-sde-solution": ("ratio**2 * g2(s)", "ratio * g2(s)"),
    "log-density-along-the-flow": ("total_of_log + v.diff(x)", "total_of_log - v.diff(x)"),
    "loss-weights": ("alpha**2 / sigma**2 * x0**2", "alpha / sigma * x0**2"),
    "marginal-and-conditional-kl": ("conditional + information", "conditional - information"),
    "marginal-energy": ("best = sp.sqrt(1 + 3 * t) - 1", "best = sp.cbrt(1 + 7 * t) - 1"),
    "marginal-score-is-posterior-mean": ("part / p * log_kernel", "part * log_kernel"),
    "mass-conservation": ("rates = {f.diff(t): -(v * f)", "rates = {f.diff(t): -f * (v * f)"),
    "node-likelihood": ("log_normal(z, 1) - divergence", "log_normal(z, 1) + divergence"),
    "ode-likelihood": ("+ divergence)", "- divergence)"),
    "one-sided-path": ("a.diff(t) / a * (x", "a.diff(t) * (x"),
    "mixture-marginals": ("wider = alpha**2 * c", "wider = alpha * c"),
    "ncsn-increments": ("s2(t).diff(t) / 2", "s2(t).diff(t)"),
    "one-marginal-family-many-joint-laws": ("decay = f +", "decay = -f +"),
    "one-step-gaussian-kernel": ("change = -f *", "change = f *"),
    "optimal-predictions": ("epsilon + sigma * score", "epsilon - sigma * score"),
    "path-divergence": ("h * g**2 / 2 * (s", "h * g**2 * (s"),
    "planar-determinant": ("(1 + slope * u.dot(w))", "(1 + slope * u.dot(u))"),
    "parameter-update": ("d = eta * (J.T * J).inv()", "d = eta * (J.T * J)"),
    "pointwise-minimisation": ("+ variance)", "- variance)"),
    "posterior-kernel": ("variance = s_s**2 * added / s_t**2", "variance = added"),
    "prior-mismatch": ("+ gamma**2 / 2 * fisher", "+ gamma**2 * fisher"),
    "probability-flow-in-four-parametrisations": ("alpha * slope * x0", "sigma * slope * x0"),
    "probability-flow-ode": ("v = f - g**2 / 2", "v = f - g**2"),
    "residual-trace-series": ("sp.Rational((-1) ** (k + 1), k)", "sp.Rational((-1) ** (k + 1))"),
    "quadratic-cost-telescopes": ("bend + spread)", "bend - spread)"),
    "reverse-drift-on-two-clocks": ("drift = f - g**2 *", "drift = f - g**2 / 2 *"),
    "reverse-family": ("(g**2 + gamma**2) / 2 *", "(g**2 + gamma) / 2 *"),
    "reverse-kernel-by-bayes": ("y - h * (f - g**2 * s)", "y - h * (f - g**2 / 2 * s)"),
    "reverse-kernel-minimiser": ("reverse = (j[0, 1] + j[1, 1])", "reverse = j[0, 1]"),
    "reverse-kl-velocity": ("+ p.diff(x, 2)  #", "+ p.diff(x, 2) / 2  #"),
    "reverse-step-and-langevin": ("flow = g**2 / 2 * s", "flow = g**2 * s"),
    "schedule-and-sde-coefficients": ("g2 + 2 * sigma(t)", "g2 + sigma(t)"),
    "score-needs-no-normalisation": ("- sp.diff(sp.log(p), x)", "- sp.diff(sp.log(p), x) / Z"),
    "stein-identity": ("expectation(u.diff(z))", "expectation(u)"),
    "straight-coupling": ("b**2 * two) / p - v**2", "b**2 * two) / p"),
    "straight-coupling-not-optimal": ("(1 - 2 * t) ** 2", "(1 - t) ** 2"),
    "straightening-rate": ("E2 = E3 + S[2]", "E2 = E3 - S[2]"),
    "trigonometric-flows": ("R**2 * theta.diff(t)", "R * theta.diff(t)"),
    "tweedie": ("sigma**2 * score", "sigma * score"),
    "tweedie-second-order": ("sigma**4 * bend", "sigma**2 * bend"),
    "two-time-covariance": ("ratio * s_s**2)", "s_s**2)"),
    "variation-of-constants": ("alpha / alpha.subs(t, s) * source", "alpha * source"),
    "velocity-is-not-unique": ("-psi.diff(y)", "psi.diff(y)"),
    "weighting-by-parts": ("(mean + atom - constant)", "(mean - constant)"),
}


def scripts() -> dict[str, str]:
    found = {slug: instances.script(slug) for slug in registry.claims()}
    return {slug: text for slug, text in found.items() if text is not None}


SCRIPTS = scripts()


@pytest.mark.parametrize("slug", SCRIPTS)
def test_runs_alone_and_holds(slug: str) -> None:
    tree = ast.parse(SCRIPTS[slug])
    assert any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert "sympy" in imported
    assert imported <= {"sympy", "itertools"}
    done = subprocess.run([sys.executable, "-c", SCRIPTS[slug]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("slug", SCRIPTS)
def test_fails_when_altered(slug: str) -> None:
    right, wrong = ALTERED[slug]
    assert SCRIPTS[slug].count(right) >= 1, f"the script has no {right!r}"
    text = SCRIPTS[slug].replace(right, wrong)
    with pytest.raises(AssertionError):
        exec(compile(text, slug, "exec"), {"__name__": slug})


def test_every_file_belongs_to_a_claim() -> None:
    from importlib.resources import files

    names = {path.name for path in files(instances.__name__).iterdir() if path.name.endswith(".py")}
    assert names == {"__init__.py", *(slug.replace("-", "_") + ".py" for slug in SCRIPTS)}


def test_reading_a_script_needs_no_sympy() -> None:
    ask = "import sys; from concordant.theory.instances import script; assert script('tweedie'); print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
