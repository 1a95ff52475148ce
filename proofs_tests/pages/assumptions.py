"""What the lines of a derivation assume, shortened for a reader: kind by kind, and without what is said already.

The kernel lists a hypothesis for each line that needs it, as it was written there; so integrals recur, once with their terms
multiplied out and once term by term.  Here an integral is left out if each of its terms, multiplied out and with equal terms
taken as equal by the kernel's own normal form, is a term of integrals that are shown: a finite sum of absolutely convergent
integrals converges absolutely.  The convergence of ∫ ∇·F is left out where the list has F and ∇·F as integrable.  The lines that
needed what was left out are told at what stands for it.  The checked object keeps all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from concordant.proofs_tests.pages import maths, unicode

#: A term of an integral: the names of the terms that it has when derivatives are taken (one, where it has no derivative of a
#: product).
Term = frozenset[str]


@dataclass(frozen=True)
class Hypothesis:
    """What is assumed, as text with formulas between dollars; the numbers of the lines that use it; what breaks without it.

    `kind` is the kernel's word for it, `terms` names the terms of an integral that is to converge, and `every` says that it is
    asked for every test function.
    """

    text: str
    used_in: tuple[int, ...] = ()
    without: str = ""
    kind: str = ""
    terms: frozenset[Term] = frozenset()
    every: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of hypotheses: what is said before them, what they are needed for, and what breaks without one."""

    name: str
    need: str
    without: str


KINDS = {
    "law": Kind("The process has a density", "It is what the Fokker-Planck equation speaks of", "the law of a process may sit on points or curves, and there is no p for the equation to be about"),
    "chain": Kind("The steps are a Markov chain", "It splits means over paths into means over single steps", "a step that depends on more of the past than its neighbour does not integrate out, and marginals and posteriors are others"),
    "given": Kind("Assumed by the claim itself", "It is what the claim is about", "the lines that use it have nothing else to rest on; the list above says what goes wrong"),
    "equal at one time": Kind("Equal at one time", "It starts the comparison of two solutions", "from another start the same equation leads elsewhere"),
    "unique": Kind("One solution", "It makes two densities equal that obey the same equation", "the heat equation has a solution that is 0 at time 0 and not after (Tychonoff's, of very fast growth), so equal starts would not make equal densities"),
    "positive": Kind("Positive", "Logarithms and roots are taken of it", "where p = 0 its logarithm is -∞ and has no gradient; a negative number has no real root"),
    "nonzero": Kind("Not zero", "It is divided by", "where it is 0 the quotient is not defined"),
    "range": Kind("Ranges of steps", "Sums begin before they end", "a sum from k = 2 to 1 would have to be split into terms that it does not have"),
    "normalised": Kind("Integrates to 1", "The normalisation is used to drop the integral", "a density of mass Z leaves a factor Z"),
    "probability": Kind("A probability density", "Jensen's inequality is for means", "with mass ½ it fails for the constant 1 already: log ½ < ½ log 1"),
    "converges": Kind("Converge absolutely, multiplied out", "Integrals are split into terms and their order is changed (linearity, Fubini's theorem)", "the integral of (x² - y²)/(x² + y²)² over the unit square is π/4 in one order and -π/4 in the other"),
    "dominated": Kind("May be taken under the integral", "Derivative and integral are exchanged", "the integral of t³ exp(-t² x) over x > 0 is t, with derivative 1 at t = 0, where the derivative of the integrand is 0"),
    "integrable field": Kind("Integrable, with their divergence", "The divergence theorem leaves nothing at infinity (integration by parts)", "on the line arctan(x) has the divergence 1/(1 + x²), whose integral is π and not 0"),
    "square integrable": Kind("Square integrable over the law and time", "The integral against dw has mean zero (Dynkin's formula)", "a stochastic integral may then lose its mean: 1/|w_t| in three dimensions, away from 0, has no drift and yet a falling mean"),
    "test function": Kind("Test function", "Expectations against all of them give the law", "for h(x) = exp(x⁴) the mean is infinite for every Gaussian"),
    "continuous": Kind("Continuous", "Functions with the same integrals against all test functions are equal (fundamental lemma)", "two functions that differ at a single point have the same integrals"),
}  # fmt: skip
ENDINGS = (
    " converges absolutely, multiplied out",
    " converges absolutely",
    " is continuous",
    " is square integrable over the law and time",
    " and its divergence are integrable",
)
STARTS = ("for every test function ", "the derivative ", "the field ")


def shortened(found: Iterable[Hypothesis]) -> list[Hypothesis]:
    """The hypotheses without those that others say already, their lines told at those others."""
    items = list(found)
    integrals = [h for h in items if h.kind == "converges" and h.terms]
    givers = [h for h in items if h.terms]
    dropped: list[Hypothesis] = []
    for h in sorted(integrals, key=lambda h: len(h.terms)):  # the short ones are said by the long ones
        others = [k for k in givers if k is not h and k not in dropped and k.every == h.every]
        if _covered(h, others):
            dropped.append(h)
    kept = [h for h in items if h not in dropped]
    lines = {h: set(h.used_in) for h in kept}
    for h in dropped:
        for k in kept:
            if k.every == h.every and k.terms and _needs(h) & k.terms:
                lines[k] |= set(h.used_in)
    return [replace(h, used_in=tuple(sorted(lines[h]))) for h in kept]


def _needs(h: Hypothesis) -> set[Term]:
    return set(h.terms) | {frozenset({key}) for t in h.terms for key in t}


def _covered(h: Hypothesis, others: Iterable[Hypothesis]) -> bool:
    have = {t for k in others for t in k.terms}
    return all(t in have or all(frozenset({key}) in have for key in t) for t in h.terms)


def numbers(lines: Sequence[int]) -> str:
    """The lines as links, runs of them as ranges."""
    runs: list[list[int]] = []
    for n in lines:
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])

    def link(n: int) -> str:
        return f'<a href="#line-{n}">{n}</a>'

    return ", ".join(
        link(r[0]) if len(r) == 1 else link(r[0]) + ("–" if len(r) > 2 else ", ") + link(r[-1]) for r in runs
    )


def used(lines: Sequence[int]) -> str:
    """Where it is used, as a note; "" for nowhere."""
    return f'<span class="note">used at line{"s" * (len(lines) > 1)} {numbers(lines)}</span>' if lines else ""


def in_words(items: Iterable[Hypothesis]) -> str:
    """The claim's own hypotheses, each with what breaks without it."""
    rows = []
    for item in items:
        without = (
            f'<p class="without"><b>Without it</b> {unicode.words(unicode.whole(item.without))}</p>'
            if item.without
            else ""
        )
        rows.append(f"<li>{unicode.words(item.text)}{used(item.used_in)}{without}</li>")
    return f'<ul class="hypotheses">{"".join(rows)}</ul>'


def in_full(items: Iterable[Hypothesis]) -> str:
    """All that the lines assume, one by one, as the kernel says it."""
    return f'<ul class="hypotheses">{"".join(f"<li>{maths.text(h.text)}{used(h.used_in)}</li>" for h in items)}</ul>'


def of_lines(items: Sequence[Hypothesis]) -> str:
    """What the lines assume, kind by kind, each with its lines, and with what breaks without it."""
    parts = []
    for kind in dict.fromkeys(h.kind for h in items if not h.every):
        told = KINDS.get(kind)
        name = maths.text(told.name if told else kind.capitalize())
        parts.append(
            f"<dt>{name}</dt><dd>{_listed(h for h in items if h.kind == kind and not h.every)}{_told(told)}</dd>"
        )
    if tested := [h for h in items if h.every]:
        lines = tuple(sorted({n for h in tested for n in h.used_in}))
        kinds = dict.fromkeys(h.kind for h in tested)
        inner = "".join(
            f"<p class='where-head'>{KINDS[kind].name if kind in KINDS else kind}</p>"
            f"{_listed(h for h in tested if h.kind == kind)}{_told(KINDS.get(kind))}"
            for kind in kinds
        )
        parts.append(
            f"<dt>{maths.text(EVERY)}</dt><dd><ul><li>{unicode.words(ENOUGH)}{used(lines)}</li></ul>"
            f'<details class="fold"><summary>{len(tested)} conditions</summary>{inner}</details></dd>'
        )
    return f'<dl class="assumed">{"".join(parts)}</dl>'


EVERY = r"For every test function $\varphi$"
ENOUGH = (
    "Integrals of φ with the density converge, may be differentiated in time, and leave nothing at infinity. φ is 0 outside a ball: "
    "enough is a density that is twice continuously differentiable in x and once in t, a drift that is once, and a g that is square "
    "integrable in time"
)


def _listed(group: Iterable[Hypothesis]) -> str:
    return f"<ul>{''.join(f'<li>{maths.text(_bare(h.text))}{used(h.used_in)}</li>' for h in group)}</ul>"


def _told(kind: Kind | None) -> str:
    """What a kind is needed for, and what breaks without it."""
    if kind is None:
        return ""
    return (
        f'<p class="note">{unicode.words(kind.need)}.</p>'
        f'<p class="without"><b>Without it</b> {unicode.words(kind.without[:1].upper() + kind.without[1:])}.</p>'
    )


def _bare(text: str) -> str:
    """A hypothesis without the words that its heading says."""
    text = text.strip().removesuffix(".")
    if text[:1].isupper():
        text = text[0].lower() + text[1:]
    if text.startswith(STARTS[0]):
        text = text.partition(": ")[2] or text
    for start in STARTS[1:]:
        text = text.removeprefix(start)
    for end in ENDINGS:
        text = text.removesuffix(end)
    return text.replace(" and its divergence are integrable over", " over").removesuffix(
        " may be taken under the integral"
    )


def terms_of(raw: tuple[Any, ...]) -> frozenset[Term]:
    """The terms of an integral that is to converge, or of the divergence of a field; empty where the kernel can't tell."""
    from concordant.theory.kernel.canonical import canonical, contract_deltas
    from concordant.theory.kernel.prenex import Calculus
    from concordant.theory.kernel.terms import Add, Bind, D, Expr, Mul, Power, Refused, integral

    def products(e: Expr) -> list[Expr]:
        """The terms of e before like ones are collected, so that none cancels."""
        match e:
            case Add(terms):
                return [t for part in terms for t in products(part)]
            case Mul((first, *rest)):
                return (
                    [Mul((a, b)) for a in products(first) for b in products(Mul(tuple(rest)))]
                    if rest
                    else products(first)
                )
            case Power(base, n) if n > 1:
                return products(Mul((base,) * n))
            case Bind(kind, var, body, low, high, law):
                return [Bind(kind, var, t, low, high, law) for t in products(body)]
            case D(body, by, index):
                return [D(t, by, index) for t in products(body)]
        return [e]

    def named(e: Expr) -> Term:
        found = set()
        for t in map(contract_deltas, Calculus().terms(e, {})):
            if t.coef != 0:
                key, t = canonical(t)
                inside = t.coef.free_symbols & {b.var for b in t.binders}
                found.add(f"{key} {t.coef}" if inside else key)
        return frozenset(found)

    match raw:
        case ("for every test function", _, inner):
            return terms_of(inner)
        case ("converges", whole):
            wanted = products(whole)
        case ("integrable field", field, index, x):
            wanted = [integral(Bind("con", index, D(field, x, index)), x)]
        case _:
            return frozenset()
    try:
        return frozenset(filter(None, map(named, wanted)))
    except Refused:
        return frozenset()
