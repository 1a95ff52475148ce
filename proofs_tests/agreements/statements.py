"""Agreements of the derived statements: both sides of each are evaluated as they stand, with the implementation's fields.

The witnesses are those of `proofs_tests/witnesses`; a definition in the statement, `p := ∫ q p0`, is the implementation's own p
there, and is compared with it.  So derivation and code are one statement.  Nothing is derived when this module is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from torch import Tensor

from concordant.proofs_tests.agreement import T2, Agreement, AtMost, Break, Compare, Comparison, agreement
from concordant.proofs_tests.case import Case

if TYPE_CHECKING:
    from concordant.proofs_tests.bridge.witness import Sides

#: How a statement is evaluated: at points, or with integrals over a line, of three points at once where they are "deep".
Where = Literal["points", "line", "deep"]

#: Every derived claim, how many theorems it has, and where they are evaluated.
STATEMENTS: dict[str, tuple[int, Where]] = {
    "ito-formula": (1, "line"),
    "fokker-planck-any-drift": (2, "line"),
    "fokker-planck": (1, "points"),
    "continuity-from-flow": (1, "points"),
    "stein-identity": (2, "line"),
    "l2-projection": (1, "line"),
    "pointwise-minimisation": (1, "line"),
    "forward-kl-is-maximum-likelihood": (1, "line"),
    "elbo": (1, "line"),
    "elbo-gap-is-inference-error": (1, "line"),
    "marginal-and-conditional-kl": (1, "deep"),
    "reverse-kernel-minimiser": (3, "deep"),
    "ddpm-kernel": (1, "line"),
    "ddpm-posterior": (1, "points"),
    "ddpm-posterior-epsilon-form": (1, "points"),
    "ddpm-elbo-terms": (1, "line"),
    "score-needs-no-normalisation": (1, "points"),
    "langevin-stationarity": (1, "points"),
    "implicit-score-matching": (1, "line"),
    "denoising-score-matching": (1, "line"),
    "marginal-score-is-posterior-mean": (2, "line"),
    "dsm-minimiser": (1, "line"),
    "tweedie": (1, "line"),
    "tweedie-second-order": (1, "line"),
    "fokker-planck-is-continuity": (2, "points"),
    "probability-flow-ode": (1, "line"),
    "anderson-reversal": (1, "points"),
    "reverse-family": (1, "points"),
    "log-density-along-the-flow": (2, "line"),
    "ode-likelihood": (1, "deep"),
    "linear-sde-moments": (3, "line"),
    "schedule-and-sde-coefficients": (3, "line"),
    "forward-transition": (3, "line"),
    "posterior-kernel": (1, "points"),
    "ddpm-snr-kl": (1, "line"),
    "velocity-is-not-unique": (2, "points"),
    "flow-matching-loss": (1, "line"),
    "continuity-equation": (1, "line"),
    "gaussian-path-velocity": (3, "points"),
    "regression-targets": (1, "line"),
    "conditional-velocities": (1, "points"),
    "flow-matching-clock": (2, "line"),
    "optimal-predictions": (7, "line"),
    "probability-flow-in-four-parametrisations": (4, "line"),
    "conjugate-flows": (4, "points"),
    "common-marginals": (4, "line"),
    "ddim-is-euler": (2, "line"),
    "loss-weights": (4, "points"),
    "trajectories-do-not-meet": (1, "line"),
    "integrating-factor": (3, "line"),
    "variation-of-constants": (1, "line"),
    "backward-integration": (1, "line"),
    "euler-local-error": (1, "line"),
    "heun-local-error": (1, "line"),
    "runge-kutta-four": (3, "points"),
    "log-density-after-a-step": (1, "deep"),
    "brownian-increments": (5, "line"),
    "euler-maruyama-step": (2, "line"),
    "ito-isometry": (1, "line"),
    "square-of-brownian-motion": (1, "line"),
    "ito-product-rule": (1, "line"),
    "linear-sde-solution": (3, "line"),
    "two-time-covariance": (1, "line"),
    "girsanov": (3, "points"),
    "path-divergence": (2, "line"),
    "paths-and-marginals": (1, "line"),
    "likelihood-by-reweighting": (1, "deep"),
    "gaussian-score": (1, "points"),
    "exact-step-is-centred": (1, "line"),
    "field-after-a-step-of-the-flow": (2, "deep"),
    "named-sdes": (4, "points"),
    "exact-solution-of-the-flow": (2, "points"),
    "ddim-in-four-heads": (3, "points"),
    "ddim-family": (3, "line"),
    "ddim-conditional-flow": (3, "points"),
    "half-log-snr-time": (4, "points"),
    "euler-on-the-velocity": (2, "points"),
    "pure-noise-in-finite-time": (3, "line"),
    "ancestral-step": (2, "points"),
    "kernel-score": (2, "points"),
    "change-of-variables-along-a-flow": (3, "points"),
    "planar-determinant": (3, "points"),
    "trace-series-with-remainder": (2, "points"),
    "composed-layers": (1, "points"),
    "node-likelihood": (2, "deep"),
    "adjoint-sensitivity": (2, "points"),
    "residual-layer-is-an-euler-step": (1, "deep"),
    "mass-conservation": (2, "points"),
    "weak-continuity-equation": (2, "line"),
    "reverse-pushforward": (1, "line"),
    "marginal-path": (2, "line"),
    "two-sided-path": (2, "points"),
    "interpolant-velocities": (4, "points"),
    "one-sided-path": (1, "points"),
    "velocity-from-a-conditional-flow": (3, "points"),
    "any-source": (1, "points"),
    "velocity-from-conditional-scores": (1, "line"),
    "canonical-path-bends": (3, "line"),
    "rectify-preserves-marginals": (2, "line"),
    "straight-coupling": (2, "line"),
    "reflow-interpolation": (2, "points"),
    "convex-transport-cost": (2, "deep"),
    "quadratic-cost-telescopes": (1, "deep"),
    "straightening-rate": (2, "deep"),
    "straight-coupling-not-optimal": (2, "deep"),
    "first-variation": (4, "line"),
    "energy-dissipation": (1, "line"),
    "forward-kl-velocity": (2, "line"),
    "reverse-kl-velocity": (3, "line"),
    "parameter-update": (2, "points"),
    "reverse-kl-gradient": (1, "line"),
    "ncsn-increments": (2, "points"),
    "ddpm-steps": (3, "points"),
    "one-step-gaussian-kernel": (1, "points"),
    "fokker-planck-from-steps": (1, "line"),
    "reverse-kernel-by-bayes": (1, "points"),
    "gaussian-reverse-kernel": (3, "points"),
    "ddpm-and-euler-maruyama": (2, "points"),
    "flow-maps-compose": (2, "points"),
    "reverse-drift-on-two-clocks": (3, "points"),
    "reverse-step-and-langevin": (3, "points"),
    "one-marginal-family-many-joint-laws": (2, "line"),
    "prior-mismatch": (2, "line"),
    "mixture-marginals": (1, "line"),
    "gaussian-closure": (4, "line"),
    "hutchinson": (3, "line"),
    "conditioning-trick": (3, "line"),
    "finite-data-oracle": (4, "points"),
    "invertible-conversions": (3, "points"),
    "trigonometric-flows": (4, "points"),
    "velocity-loss-under-schedules": (1, "points"),
    "semilinear-lipschitz": (2, "points"),
    "forward-family": (1, "points"),
    "time-sampling-is-importance-weighting": (2, "points"),
    "weighted-loss-in-lambda": (1, "points"),
    "partial-cost-rate": (3, "line"),
    "weighting-by-parts": (2, "points"),
    "published-weights": (3, "points"),
    "logit-normal-times": (3, "points"),
    "zero-terminal-snr": (3, "points"),
    "constant-target-norm": (2, "line"),
    "schedule-curvature": (3, "points"),
    "conditional-energy": (2, "line"),
    "marginal-energy": (4, "line"),
    "edm-preconditioning": (3, "line"),
    "edm-effective-loss": (1, "points"),
    "linear-mmse": (2, "line"),
}

#: Few cells each: three targets, and three of the schedules, not the same for all statements.
TARGETS: dict[Where, tuple[str, ...]] = {
    "points": ("anisotropic", "unequal", "five"),
    "line": ("anisotropic", "unequal", "ring"),
    "deep": ("anisotropic", "ring"),
}
FIRST, OTHERS = ("vp-linear", "flow-matching", "ve"), ("edm", "vp-cosine", "sub-vp", "trigonometric")
#: Statements of which nothing is left under a schedule without drift: 0 = 0.
DRIFTING = ("linear-sde-moments", "integrating-factor", "named-sdes", "ancestral-step")
WITHOUT_DRIFT = {"ve", "edm"}


class WitnessFails(ValueError):
    """A hypothesis of the statement does not hold at the witness."""


def settle(sides: Sides) -> Tensor:
    """The right side as it is compared: here so that a wrong one can be put in its place."""
    return sides.right


def _off(_: Callable[[Sides], Tensor]) -> Callable[[Sides], Tensor]:
    return lambda sides: sides.left + 0.01 * sides.scale


def _applies(slug: str, where: Where, number: int) -> Callable[[Case], bool]:
    clocks = {FIRST[number % 3], OTHERS[number % 4], OTHERS[(number + 1) % 4]}
    if slug in DRIFTING:
        clocks = clocks - WITHOUT_DRIFT | {"vp-linear"}
    return lambda case: case.name in TARGETS[where] and case.schedule.name in clocks


def _body(slug: str, n: int) -> Callable[[Case], Iterator[Comparison]]:
    def body(case: Case) -> Iterator[Comparison]:
        from concordant.proofs_tests.bridge.check import problems
        from concordant.proofs_tests.witnesses import WITNESSES
        from concordant.theory.derivation import derive

        made = derive(slug)
        assert made is not None
        statement, w = made.theorems[n], WITNESSES[slug][n].at(case)
        if found := problems(w, statement):
            raise WitnessFails(f"at {w.name or case}: {'; '.join(found)}")
        sides = w.sides(statement)
        right = settle(sides)
        if statement.rel == ">=":
            yield AtMost(right, sides.left, sides.scale, at=w.name)
        else:
            yield Compare(sides.left, right, sides.scale, at=w.name)

    return body


def _register() -> Iterator[Agreement]:
    number = 0
    for slug, (count, where) in STATEMENTS.items():
        for n in range(count):
            body = _body(slug, n)
            body.__name__ = f"{slug}-statement{f'-{n + 1}' if count > 1 else ''}".replace("-", "_")
            body.__doc__ = (
                "The derived statement: both sides evaluated as they stand, with the implementation's fields in it."
            )
            yield agreement(
                slug,
                T2,
                because="the same statement on both sides; integrals by the trapezoid rule, to eleven digits",
                applies=_applies(slug, where, number),
                breaks=[Break("the right side off by 1 % of its terms", sys.modules[__name__], "settle", _off)],
            )(body)
            number += 1


REGISTERED = tuple(_register())
