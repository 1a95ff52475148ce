"""Agreements about the conditioning trick and finite data sets; and about chains cut from the cosine schedule."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from concordant.impl import calculus, predictions
from concordant.impl.batch import f64, norm
from concordant.impl.flow import FlowMatching
from concordant.impl.schedules import VariancePreserving, discrete
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import FiniteDataset, Marginal
from concordant.impl.variational import DDPM
from concordant.proofs_tests.agreement import T1, T2, AtMost, Break, Compare, Comparison, agreement
from concordant.proofs_tests.arbitrary import log_normal
from concordant.proofs_tests.case import Case, few_on_a_line, has_density
from concordant.proofs_tests.quadrature import line


# -------------------------------------------------------------------- the trick
@agreement(
    "conditioning-trick",
    T2,
    because="Gauss-Legendre over x_0, with breakpoints at the components and at x/α",
    bound=1e-8,
    applies=lambda case: few_on_a_line(case) and has_density(case),
    breaks=[
        Break(
            "σ in place of σ² in the conditional score",
            LinearSDE,
            "conditional_score",
            lambda f: lambda self, x, x0, t: f(self, x, x0, t) * self.schedule.sigma(t),
        ),
        Break("the conditional velocity of the noise end", FlowMatching, "one_sided", lambda f: _noise_end),
        Break(
            "the bridge with twice its variance",
            LinearSDE,
            "posterior",
            lambda f: lambda self, *a: (f(self, *a)[0], 2 * f(self, *a)[1]),
        ),
    ],
)
def marginals_are_posterior_means(case: Case) -> Iterator[Compare]:
    """On a line, the oracle's reverse kernel, score and velocity are the means of the bridge, of the conditional score and of the
    conditional velocity, over the posterior of x_0 by quadrature."""
    case = case.line()
    sde, flow = LinearSDE(case.schedule), FlowMatching(case.schedule)
    clean = case.target
    log_clean = Marginal(clean, case.schedule.at(0.0)._replace(alpha=f64(1.0), sigma=f64(0.0)))
    for t in case.times((1.5, 0.0, -1.5)):
        alpha, sigma = case.level(t)
        x, before = case.sample(t, 3), case.time(float(case.schedule.lam(t)) + 0.5)
        centres = torch.cat([clean.means[:, 0], x[:, 0] / alpha])
        widths = torch.cat([clean.spectrum.sqrt().flatten().expand(clean.components), f64([sigma / alpha] * 3)])
        nodes, lebesgue = line(centres, widths)
        x0 = nodes[:, None, None]
        joint = (log_clean.log_prob(x0) + log_normal(x, alpha * x0, sigma)).exp() * lebesgue[:, None]
        posterior = (joint / joint.sum(0))[..., None]  # (nodes, points, 1)
        y = case.sample(before, 3)
        centre, variance = sde.posterior(x, x0, f64(before), f64(t))
        bridge = log_normal(y, centre, variance.squeeze(-1).sqrt()).exp()[..., None]
        law = case.at(t)
        kernel = law.reverse(x, case.schedule.at(before)).log_prob(y).exp()[:, None]
        x0s = x0.expand(-1, 3, 1)
        pairs = {
            "reverse kernel": (bridge, kernel),
            "score": (sde.conditional_score(x, x0s, f64(t)), law.score(x)),
            "velocity": (flow.one_sided(x, x0s, f64(t)), law.velocity(x)),
        }
        for name, (given, want) in pairs.items():
            got, size = (posterior * given).sum(0), (posterior * given.abs()).sum(0)
            # a density may be as small as it likes: relative to the largest of the bridge
            yield Compare(
                got, want, size + (1e-3 * bridge.amax() if name == "reverse kernel" else 0), at=f"t = {t:.4g}, {name}"
            )


def _noise_end(self: FlowMatching, x: Tensor, x0: Tensor, t: Tensor) -> Tensor:
    n = self.schedule.at(t)
    return n.d_alpha * x0 + n.d_sigma * (x - n.alpha * x0)


# -------------------------------------------------------------------- finite data
def dataset(case: Case) -> tuple[FiniteDataset, Tensor, Tensor]:
    """Six points of the target, with unequal weights."""
    points = case.target.sample(6, case.random("data"))
    weights = f64([1, 2, 3, 4, 5, 6]) / 21
    return FiniteDataset(points, weights), points, weights


@agreement(
    "finite-data-oracle",
    T1,
    because="closed forms, and automatic differentiation of a log-sum-exp",
    breaks=[
        Break(
            "the score -ε/σ² for -ε/σ",
            predictions,
            "_TABLE",
            lambda f: f | {"score": lambda n: f["score"](n)._replace(b=-1 / n.sigma**2, b_sigma=-1 / n.sigma)},
        ),
        Break(
            "the sign of the velocity",
            predictions,
            "_TABLE",
            lambda f: f | {"velocity": lambda n: predictions.Combination(*(-c for c in f["velocity"](n)))},
        ),
        Break("the forward step's variance for the bridge's", LinearSDE, "posterior", lambda f: _wider),
    ],
)
def oracle_of_six_points(case: Case) -> Iterator[Compare]:
    """For six data the oracle's score is the gradient of a log-sum-exp, its velocity f x - ½ g² of that, its denoiser a softmax
    average written out, and its reverse kernel the softmax mean of the bridges."""
    data, points, weights = dataset(case)
    sde = LinearSDE(case.schedule)
    for t in case.times():
        alpha, sigma = case.level(t)
        law = data.at(case.schedule, t)
        x = law.sample(4, case.random("six"))
        u = x.clone().requires_grad_()
        logits = log_normal(u[:, None], alpha * points, sigma) + weights.log()
        (score,) = torch.autograd.grad(torch.logsumexp(logits, -1).sum(), u)
        share = torch.softmax(logits.detach(), -1)
        size = (norm(x) + alpha * norm(points).max())[:, None]
        yield Compare(law.score(x), score, size / sigma**2, at=f"t = {t:.4g}, score")
        yield Compare(law.x0(x), share @ points, size / alpha + 1, at=f"t = {t:.4g}, denoiser")
        f, g2 = case.schedule.f(t), case.schedule.g2(t)
        yield Compare(
            law.velocity(x), f * x - g2 / 2 * score, f.abs() * size + g2 * size / sigma**2, at=f"t = {t:.4g}, velocity"
        )
        before = case.time(float(case.schedule.lam(t)) + 0.5)
        y = data.at(case.schedule, before).sample(4, case.random("sooner"))
        centre, variance = sde.posterior(x[:, None], points.expand(4, -1, -1), f64(before), f64(t))
        bridges = log_normal(y[:, None], centre, variance.squeeze(-1).sqrt())
        got = law.reverse(x, case.schedule.at(before)).log_prob(y)
        want = torch.logsumexp(torch.log_softmax(logits.detach(), -1) + bridges, -1)
        far = ((norm(y) + norm(x) + norm(points).max()) ** 2) / variance.flatten()[0]
        yield Compare(got, want, far + want.abs(), at=f"t = {t:.4g}, reverse kernel")


def _wider(self: LinearSDE, x_t: Tensor, x0: Tensor, s: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    ratio, added = self.transition(s, t)
    before, after = self.schedule.sigma(s) ** 2, self.schedule.sigma(t) ** 2
    return ratio * before / after * x_t + self.schedule.alpha(s) * added / after * x0, (added * torch.ones(1)).to(x_t)


@agreement(
    "memorisation",
    T2,
    because="ODEs solved to 1e-10; and an inequality",
    bound=1e-5,
    applies=lambda case: float(norm(case.target.covariance).max()) > 0,
    breaks=[
        Break(
            "the noise's share of the velocity 2 % too small",
            predictions,
            "_TABLE",
            lambda f: (
                f
                | {
                    "velocity": lambda n: predictions.Combination(
                        f["velocity"](n).a, *(0.98 * c for c in f["velocity"](n)[1:])
                    )
                }
            ),
        ),
    ],
)
def exact_samples_are_data(case: Case) -> Iterator[Comparison]:
    """From noise, the exact flow of six data comes to a place whose distance to the nearest datum is proportional to σ/α, over a
    factor of 20 in σ/α, with one weight r_k that is 1; and 1 - r_k is at most the sum of (w_j/w_k) exp(-(d_j² - d_k²)/(2σ²))."""
    data, points, weights = dataset(case)
    gap = torch.cdist(points, points) + torch.eye(6) * 1e9
    if float(gap.min()) < 1e-6 * float(norm(points).max()):
        points = points + torch.arange(6.0, dtype=torch.float64)[:, None]  # repeated data are one
        data, gap = FiniteDataset(points, weights), torch.cdist(points, points) + torch.eye(6) * 1e9
    near, nearer = (math.log(n / float(gap.min())) for n in (60.0, 1200.0))
    start, first, last = case.times((-1.5, near, nearer))
    x = data.at(case.schedule, start).sample(2, case.random("noise"))
    field = FlowMatching(case.schedule).field(data.predictor(case.schedule, "velocity"))
    away = []
    for begin, end in ((start, first), (first, last)):
        x = calculus.solve(field, x, begin, end, 1e-10, 1e-13)
        alpha, sigma = case.level(end)
        clean = x / alpha
        share = data.at(case.schedule, end).responsibilities(x)
        nearest = torch.cdist(clean, points).argmin(-1)
        away.append((clean - points[nearest]) * alpha / sigma)
        yield Compare(share.gather(-1, nearest[:, None]), f64(1.0), 1.0, at=f"σ/α = {sigma / alpha:.3g}, weight")
    yield Compare(away[1], away[0], 1 + norm(away[0])[:, None], at="distance over σ/α")
    yield AtMost(norm(away[1]), math.sqrt(case.target.dimension) + 8, 1.0, at="a few σ/α")
    for t in case.times((0.5, near - 3)):
        alpha, sigma = case.level(t)
        law = data.at(case.schedule, t)
        y = law.sample(4, case.random("near"))
        share = law.responsibilities(y)
        squares = (y[:, None] - alpha * points).square().sum(-1)
        k = squares.argmin(-1, keepdim=True)
        odds = weights / weights[k] * torch.exp(-(squares - squares.gather(-1, k)) / (2 * sigma**2))
        rest = 1 - share.gather(-1, k)[:, 0]
        yield Compare(1 - rest, 1 / odds.sum(-1), 1.0, at=f"t = {t:.4g}, the nearest datum's weight")
        yield AtMost(rest, odds.sum(-1) - 1, 1.0, margin=-1e-9, at=f"t = {t:.4g}, what others weigh")


# -------------------------------------------------------------------- chains
@agreement(
    "cosine-schedule",
    T1,
    because="closed forms on both sides",
    breaks=[
        Break("no offset", discrete, "cosine_betas", lambda f: lambda steps: f(steps, offset=0.0)),
        Break("no clipping", discrete, "cosine_betas", lambda f: lambda steps: f(steps, most=1.0)),
    ],
)
def chain_of_the_cosine_schedule(case: Case) -> Iterator[Comparison]:
    """The products of 1 - β are ratios of cos² until the last step, whose β alone is clipped: the last is 0.001 of the last but
    one, and λ goes from ½ log(ᾱ_1/(1 - ᾱ_1)) to ½ log(ᾱ_L/(1 - ᾱ_L)); rescaled to end at 0 the first stays."""
    for steps in (2, 10, 1000):
        beta = discrete.cosine_betas(steps)
        kept = DDPM(beta).alpha_bar
        angle = math.pi / 2 * (torch.arange(steps, dtype=torch.float64) / steps + 0.008) / 1.008
        want = (angle.cos() / angle[0].cos()) ** 2
        yield Compare(kept[:-1], want, want, at=f"L = {steps}")
        yield Compare(beta >= 0.999, torch.arange(steps) == steps - 1, 1.0, at=f"L = {steps}, clipped")
        last = 0.001 * want[-1]
        yield Compare(kept[-1], last, last, at=f"L = {steps}, the last")
        lam = (kept[[1, -1]] / (1 - kept[[1, -1]])).log() / 2
        noise = (angle[1] - angle[0]).sin() * (angle[1] + angle[0]).sin()  # cos² of one less cos² of the other
        ends = torch.stack([angle[1].cos() ** 2 / noise, last / (1 - last)]).log() / 2
        yield Compare(lam, ends, ends.abs(), at=f"L = {steps}, both ends of λ")
        rescaled = discrete.zero_terminal_snr(kept[1:])
        yield Compare(rescaled[[0, -1]], torch.stack([kept[1], f64(0.0)]), kept[1], at=f"L = {steps}, rescaled")


@agreement(
    "zero-terminal-snr",
    T1,
    because="closed forms on both sides",
    breaks=[
        Break("ᾱ moved in place of its root", discrete, "zero_terminal_snr", lambda f: lambda a: f(a**2).sqrt()),
        Break("the first not kept", discrete, "zero_terminal_snr", lambda f: lambda a: f(a) / f(a)[0]),
    ],
)
def repaired_chain(case: Case) -> Iterator[Comparison]:
    """Of the case's schedule at its variance-preserving scale, cut into 20 steps: the repaired √ᾱ is the affine function through
    (√ᾱ_1, √ᾱ_1) and (√ᾱ_L, 0), so that it ends at 0, keeps its first value, and falls."""
    times = case.grid(2.5, -1.5, 20)[1:]
    chain = DDPM.from_schedule(VariancePreserving(case.schedule), times)
    old, new = (a.sqrt() for a in (chain.alpha_bar[1:], discrete.zero_terminal_snr(chain.alpha_bar[1:])))
    yield Compare(new[[0, -1]], torch.stack([old[0], 0 * old[0]]), 1.0, at="both ends")
    slopes = new.diff() / old.diff()
    yield Compare(slopes, slopes[0].expand_as(slopes), slopes[0], at="affine")
    yield Compare(new[7], torch.lerp(0 * old[0], old[0], (old[7] - old[-1]) / (old[0] - old[-1])), 1.0, at="step 8")
    yield AtMost(new.diff(), f64(0.0), 1.0, at="falls")
