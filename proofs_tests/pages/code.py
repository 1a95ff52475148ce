"""Where a claim is in code: the functions of `concordant.impl` that it is about, with their source.

The table names them for the claims whose agreements do not tell; of the others, the functions that the agreements' wrong
formulas replace are the code under test.
"""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from concordant.proofs_tests.agreement import Agreement

IMPL = "concordant.impl"

NAMED: dict[str, tuple[str, ...]] = {
    "common-marginals": ("variational.DDPM.transition", "score.NCSN.increment", "sde.LinearSDE.diffusion", "flow.FlowMatching.path"),
    "optimal-predictions": ("predictions.combination", "predictions.Prediction.to"),
    "regression-targets": ("predictions.combination",),
    "conjugate-flows": ("sde.LinearSDE.ode_drift", "flow.FlowMatching.field"),
    "tweedie": ("targets.Marginal.x0", "targets.Marginal.score", "targets.marginal.View.gain"),
    "tweedie-second-order": ("targets.Marginal.covariance", "targets.marginal.View.covariance"),
    "implicit-score-matching": ("score.NCSN.ism_loss", "calculus.divergence"),
    "denoising-score-matching": ("score.NCSN.dsm_loss", "score.NCSN.esm_loss"),
    "ddpm-snr-kl": ("variational.DDPM.step_kl", "variational.gaussian_kl"),
    "ancestral-sampling": ("variational.DDPM.ancestral_step", "variational.DDPM.reverse_mean", "variational.DDPM.reverse_variance"),
    "ddpm-elbo": ("variational.DDPM.elbo", "variational.DDPM.prior_kl", "variational.DDPM.decoder_nll"),
    "elbo-gap": ("variational.DDPM.elbo", "variational.DDPM.posterior"),
    "ddim-is-euler": ("variational.DDPM.ddim_step",),
    "flow-matching-loss": ("flow.FlowMatching.cfm_loss", "flow.FlowMatching.fm_loss"),
    "conditional-velocities": ("flow.FlowMatching.one_sided", "flow.FlowMatching.two_sided"),
    "continuity-equation": ("flow.FlowMatching.velocity",),
    "flow-carries-the-law": ("sde.LinearSDE.flow",),
    "linear-sde-moments": ("schedules.Schedule.f", "schedules.Schedule.g2"),
    "fokker-planck": ("sde.LinearSDE.drift", "sde.LinearSDE.diffusion"),
    "reverse-euler-maruyama": ("sde.LinearSDE.reverse_step", "sde.LinearSDE.reverse_drift"),
    "predictor-corrector": ("sde.LinearSDE.corrector_step", "sde.LinearSDE.corrector_size"),
    "ode-likelihood": ("sde.LinearSDE.log_likelihood",),
    "ncsn-increments": ("chains.ncsn", "chains.Steps.kernel"),
    "ddpm-steps": ("chains.ddpm", "variational.DDPM.from_schedule"),
    "chains-tend-to-the-sde": ("chains.ddpm", "chains.euler_maruyama", "chains.Steps.kernel"),
    "one-step-gaussian-kernel": ("calculus.euler_maruyama_step",),
    "forward-sde": ("sde.LinearSDE.drift", "sde.LinearSDE.diffusion", "sde.LinearSDE.forward_step"),
    "mixture-marginals": ("targets.mixture.GaussianMixture.at", "targets.marginal.View.log_joint"),
    "flow-maps-compose": ("sde.LinearSDE.flow", "calculus.solve"),
    "one-marginal-family-many-joint-laws": ("joint_laws.covariance", "joint_laws.transition"),
    "gaussian-reverse-kernel": ("targets.reverse.Reverse.mean", "targets.reverse.Reverse.covariance"),
    "continuous-denoising-loss": ("sde.continuous_dsm", "sde.LinearSDE.dsm_loss"),
    "euler-for-the-probability-flow": ("calculus.euler", "sde.LinearSDE.ode_drift"),
    "hutchinson": ("calculus.hutchinson", "probes.draw", "probes.variance"),
    "fokker-planck-from-steps": ("one_step.Stepped",),
    "density-after-one-step": ("one_step.Stepped.log_prob", "calculus.fokker_planck"),
    "reverse-kernel-to-first-order": ("sde.LinearSDE.reverse_step", "targets.reverse.Reverse.covariance"),
    "prior-mismatch": ("sde.LinearSDE.reverse_drift", "sde.LinearSDE.log_likelihood", "sde.log_prior"),
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A function's name as one imports it, and its source."""

    name: str
    text: str


def _find(name: str) -> Any:
    """The object of a dotted name below `concordant.impl`."""
    parts = name.split(".")
    found: Any = importlib.import_module(IMPL)
    for i, part in enumerate(parts):
        if isinstance(found, ModuleType) and not hasattr(found, part):
            found = importlib.import_module(".".join([IMPL, *parts[: i + 1]]))
        else:
            found = inspect.getattr_static(found, part) if isinstance(found, type) else getattr(found, part)
    return found


def _source(found: Any, name: str) -> Source | None:
    for wrapped in ("fget", "func", "__func__"):  # properties, cached properties, class and static methods
        found = getattr(found, wrapped, found)
    found = inspect.unwrap(found) if callable(found) else found
    try:
        return Source(name, textwrap.dedent(inspect.getsource(found)).rstrip())
    except (TypeError, OSError):  # a table, not a function
        return None


def _from_breaks(agreements: Iterable[Agreement]) -> Iterable[Source | None]:
    for one in agreements:
        for wrong in one.breaks:
            owner = wrong.owner
            module = owner.__name__ if isinstance(owner, ModuleType) else owner.__module__
            if not module.startswith(IMPL):
                continue
            label = module if isinstance(owner, ModuleType) else f"{module}.{owner.__qualname__}"
            found = owner.__dict__.get(wrong.name) if isinstance(owner, type) else getattr(owner, wrong.name)
            if getattr(found, "__module__", IMPL).startswith(IMPL):
                yield _source(found, f"{label}.{wrong.name}")


def of_claim(slug: str, agreements: Iterable[Agreement]) -> list[Source]:
    """The code that the claim is about.

    >>> [source.name for source in of_claim("ddim-is-euler", [])]
    ['concordant.impl.variational.DDPM.ddim_step']
    """
    if slug in NAMED:
        found = [_source(_find(name), f"{IMPL}.{name}") for name in NAMED[slug]]
    else:
        found = list(_from_breaks(agreements))
    return list(dict.fromkeys(one for one in found if one is not None))
