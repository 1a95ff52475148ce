"""Agreements of changes of variables: maps, layers and their determinants, and the series of a residual layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from concordant.impl import normalizing_flows as flows
from concordant.impl.batch import f64, norm
from concordant.proofs_tests import quadrature
from concordant.proofs_tests.agreement import T1, T2, T5, AtMost, Break, Compare, Comparison, agreement, scaled
from concordant.proofs_tests.case import Case, few_components, few_on_a_line
from concordant.proofs_tests.quadrature import mean
from concordant.proofs_tests.reference import Reference

Map = Callable[[Tensor], Tensor]


def _normal(case: Case, what: str, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=case.random(what), dtype=torch.float64)


def textbook_jacobian(fn: Map, x: Tensor) -> Tensor:
    """∂fn/∂x at each of the points (B, D), by torch's own function."""
    rows: Tensor = torch.autograd.functional.jacobian(lambda y: fn(y).sum(0), x)  # (D, B, D)
    return rows.movedim(1, 0)


# -------------------------------------------------------------------- one map
def bends(scale: Tensor) -> dict[str, tuple[Map, Map]]:
    """Maps of a line and their inverses, for points of about that size."""
    return {
        "affine": (lambda z: 1.5 * scale - 0.4 * z, lambda x: (1.5 * scale - x) / 0.4),
        "exp": (lambda z: torch.exp(z / scale), lambda x: scale * x.log()),
        "tanh": (lambda z: torch.tanh(z / (4 * scale)), lambda x: 4 * scale * torch.atanh(x)),
    }


MAP_BREAKS = [
    Break("the determinant of f for that of its inverse", flows, "log_det", lambda f: scaled(f, -1.0)),
    Break("no determinant", flows, "log_det", lambda f: scaled(f, 0.0)),
]


@agreement(
    "change-of-variables",
    T2,
    because="Gauss-Legendre rules on panels between images of a normal's quantiles, 1e-10 here",
    bound=1e-8,
    applies=few_on_a_line,
    breaks=MAP_BREAKS,
)
def mapped_density_integrates(case: Case) -> Iterator[Compare]:
    """∫ p(x) dx = 1 and ∫ h(x) p(x) dx = E[h(f(z))] for the images of a mixture under an affine map, exp and tanh, integrated
    over x on one side and over z on the other."""
    line = case.line()
    for t in line.times((1.0, -1.5)):
        alpha, sigma = line.level(t)
        law = line.at(t)
        widths = (alpha**2 * line.target.spectrum[:, 0] + sigma**2).sqrt()
        centres = alpha * line.target.means[:, 0]
        ends = quadrature.breakpoints(centres, widths.min().expand_as(widths), widths, quadrature.FINE.ticks)
        z, weights = quadrature.panels(ends, quadrature.FINE.order)
        weights = weights * Reference(line.target, alpha, sigma).log_prob(z[:, None]).exp()
        for name, (forwards, back) in bends(ends.abs().max() / 6).items():
            x, measure = quadrature.panels(forwards(ends).sort()[0], quadrature.FINE.order)
            density = flows.change_of_variables(law.log_prob, back, x[:, None]).exp()
            yield Compare((measure * density).sum(), f64(1.0), at=f"t = {t:.4g}, {name}, mass")
            size = x.abs().max() if name == "affine" else 1.0
            bump = 1 / (1 + (x / size) ** 2)
            want = mean(weights, 1 / (1 + (forwards(z) / size) ** 2))
            yield Compare((measure * density * bump).sum(), want, at=f"t = {t:.4g}, {name}, a function")


@agreement(
    "change-of-variables",
    T1,
    because="closed forms on both sides",
    bound=1e-9,
    applies=few_components,
    breaks=MAP_BREAKS,
)
def affine_image_of_a_mixture(case: Case) -> Iterator[Compare]:
    """The image of a mixture under x = A z + b, A a matrix, is the mixture of the images of its components, in all dimensions."""
    d = case.target.dimension
    matrix = torch.eye(d, dtype=torch.float64) + 0.5 * _normal(case, "A", d, d) / math.sqrt(d)
    shift = _normal(case, "b", d)
    t = case.times()[1]
    z, law = case.sample(t, 3), Reference(case.target, *case.level(t))
    full = law.covariances if law.covariances.ndim == 3 else torch.diag_embed(law.covariances)
    components = MultivariateNormal(law.alpha * law.means @ matrix.T + shift, matrix @ full @ matrix.T)
    image = MixtureSameFamily(Categorical(law.weights), components)
    x = z @ matrix.T + shift
    got = flows.change_of_variables(case.at(t).log_prob, lambda y: torch.linalg.solve(matrix, (y - shift).mT).mT, x)
    want = image.log_prob(x)
    yield Compare(got, want, got.abs() + d)


# -------------------------------------------------------------------- layers
class _Sinh:
    """z ↦ sinh(asinh z + c): a layer whose determinant is left to automatic differentiation."""

    def __init__(self, shift: Tensor) -> None:
        self.shift = shift

    def __call__(self, z: Tensor) -> Tensor:
        return torch.sinh(torch.asinh(z) + self.shift)


def planars(case: Case, count: int) -> list[flows.Planar]:
    """Invertible planar layers for points of the case's size."""
    d = case.target.dimension
    made = []
    for k in range(count):
        u, w = _normal(case, f"u{k}", d), _normal(case, f"w{k}", d) / math.sqrt(d)
        made.append(flows.Planar(u * torch.sign(u @ w), w, 0.3 * k))
    return made


PLANAR_BREAKS = [
    Break(
        "the slope where the point comes to",
        flows.Planar,
        "log_det",
        lambda f: lambda self, z: f(self, self(z)),
    ),
    Break(
        "u·u for u·w",
        flows.Planar,
        "log_det",
        lambda f: lambda self, z: (1 + (f(self, z).exp() - 1) * (self.u @ self.u) / (self.u @ self.w)).log(),
    ),
]


@agreement(
    "composed-layers",
    T1,
    because="determinants of automatic differentiation's Jacobians, layer by layer and of the whole",
    bound=1e-10,
    breaks=PLANAR_BREAKS,
)
def sum_of_log_determinants(case: Case) -> Iterator[Compare]:
    """Σ_k log|det ∂f_k| of six layers, planar ones and others, is log|det| of the Jacobian of the composed map, from
    its singular values."""
    d = case.target.dimension
    one, two, three = planars(case, 3)
    matrix = torch.eye(d, dtype=torch.float64) + 0.4 * _normal(case, "A", d, d) / math.sqrt(d)
    layers: list[Map] = [one, _Sinh(0.5 * _normal(case, "c", d)), two, lambda z: z @ matrix.T, three, lambda z: 1.3 * z]
    z = _normal(case, "z", 3, d)

    def whole(y: Tensor) -> Tensor:
        for layer in layers:
            y = layer(y)
        return y

    x, grown = flows.composed(layers, z)
    jacobian = textbook_jacobian(whole, z)
    singular = torch.linalg.svdvals(jacobian).log()
    yield Compare(x, whole(z), norm(x).unsqueeze(-1), at="the point")
    yield Compare(grown, singular.sum(-1), singular.abs().sum(-1) + d, at="the determinant")


@agreement(
    "planar-determinant",
    T1,
    because="a closed form against the determinant of a Jacobian by automatic differentiation",
    bound=1e-10,
    breaks=[
        *PLANAR_BREAKS,
        Break(
            "tanh for tanh'",
            flows.Planar,
            "log_det",
            lambda f: lambda self, z: torch.log1p(torch.tanh(self._phase(z)) * (self.u @ self.w)),
        ),
    ],
)
def planar_determinants(case: Case) -> Iterator[Compare]:
    """1 + tanh'(w·z + b) u·w is the determinant of the planar layer's Jacobian, in all dimensions, also where u·w = -0.9."""
    z = _normal(case, "z", 4, case.target.dimension)
    layers = planars(case, 2)
    shrinking = layers[1]
    shrinking.u = shrinking.u * (-0.9 / float(shrinking.u @ shrinking.w))
    for index, layer in enumerate(layers):
        want = torch.linalg.det(textbook_jacobian(layer, z)).log()
        got = layer.log_det(z)
        yield Compare(got, want, got.abs() + 1, at=f"layer {index}")


# -------------------------------------------------------------------- residual layers
def residual(case: Case, radius: float) -> tuple[Map, Tensor]:
    """A field, and a point at which its derivative has that spectral radius (it is not normal)."""
    d = case.target.dimension
    weight, point = _normal(case, "W", d, d) / math.sqrt(d), _normal(case, "point", 1, d)
    bend = weight * torch.cos(point @ weight.T).mT
    size = radius / float(torch.linalg.eigvals(bend).abs().max())
    return lambda x: size * torch.sin(x @ weight.T), point


@agreement(
    "residual-trace-series",
    T1,
    because="a geometric series cut off where what is left is below 1e-12, against a determinant",
    bound=1e-9,
    breaks=[
        Break(
            "all signs +",
            flows,
            "residual_log_det",
            lambda f: lambda v, x, terms, probes=None: -f(lambda y: -v(y), x, terms, probes),
        ),
        Break(
            "the determinant of I + 1.01 ∂v",
            flows,
            "residual_log_det",
            lambda f: lambda v, x, terms, probes=None: f(lambda y: 1.01 * v(y), x, terms, probes),
        ),
    ],
)
def series_of_traces(case: Case) -> Iterator[Compare]:
    """Σ (-1)^{k+1} tr((∂v)^k)/k is log|det(I + ∂v)| at spectral radius 1/2; with the probes √D e_i, whose mean is the trace, it
    is the same; for a nilpotent ∂v it ends, at 0."""
    d = case.target.dimension
    v, x = residual(case, 0.5)
    want = torch.linalg.slogdet(torch.eye(d, dtype=torch.float64) + textbook_jacobian(v, x))[1]
    size = want.abs() + d
    yield Compare(flows.residual_log_det(v, x, 44), want, size, at="all traces")
    if d <= 5:
        probes = math.sqrt(d) * torch.eye(d, dtype=torch.float64)[:, None]
        yield Compare(flows.residual_log_det(v, x, 44, probes), want, size, at="probes")
    triangle = torch.triu(_normal(case, "triangle", d, d), 1)
    yield Compare(flows.residual_log_det(lambda y: y @ triangle.T, x, d + 1), 0 * want, f64(d), at="nilpotent")
    y = x + v(x)
    small = _normal(case, "contraction", d, d)
    small = 0.5 * small / torch.linalg.matrix_norm(small, 2)
    back = flows.residual_inverse(lambda z: torch.sin(z @ small.T), y, 60)
    yield Compare(back + torch.sin(back @ small.T), y, norm(y) + 1, at="turned back")


@agreement(
    "residual-trace-series",
    T5,
    because="a bound by the tail of a geometric series, and growth where the radius is above 1",
    breaks=[
        Break(
            "the series of I + 2 ∂v",
            flows,
            "residual_log_det",
            lambda f: lambda v, x, terms, probes=None: f(lambda y: 2 * v(y), x, terms, probes),
        ),
        Break(
            "the series of I + ∂v/2",
            flows,
            "residual_log_det",
            lambda f: lambda v, x, terms, probes=None: f(lambda y: v(y) / 2, x, terms, probes),
        ),
    ],
)
def tail_of_the_series(case: Case) -> Iterator[Comparison]:
    """Cut off after n terms the series is wrong by at most D r^{n+1}/((n + 1)(1 - r)) for spectral radii r = 0.5 and 0.9; for
    r = 1.5 the greatest error of terms 21 to 30 is more than ten times that of terms 11 to 20."""
    d = case.target.dimension

    def errors(radius: float, terms: range) -> Tensor:
        v, x = residual(case, radius)
        want = torch.linalg.slogdet(torch.eye(d, dtype=torch.float64) + textbook_jacobian(v, x))[1]
        return torch.stack([(flows.residual_log_det(v, x, n) - want).abs()[0] for n in terms])

    for radius in (0.5, 0.9):
        terms = range(1, 10, 2)
        tail = f64([d * radius ** (n + 1) / ((n + 1) * (1 - radius)) for n in terms])
        yield AtMost(errors(radius, terms), tail, tail + 1e-12, at=f"radius {radius}")
    early, late = errors(1.5, range(11, 21)).max(), errors(1.5, range(21, 31)).max()
    yield AtMost(10 * early, late, late, at="radius 1.5")
