"""Tampering: every step of a certificate altered in every way, one at a time.  `replay` must refuse what isn't harmless."""

from __future__ import annotations

import copy
import itertools
import json
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

from concordant.theory.kernel import replay

Altered = Iterator[tuple[str, Any]]
TWO, MINUS = ["num", ["q", 2, 1]], ["num", ["q", -1, 1]]


def scalar(s: Any) -> Altered:
    """A scalar with one thing changed."""
    yield "factor", ["*", ["q", 2, 1], s]
    match s:
        case ["q", p, q]:
            yield "number", ["q", p + q, q]
            if p:
                yield "sign", ["q", -p, q]
        case ["c" | "v", _]:
            yield "plus one", ["+", s, ["q", 1, 1]]
        case ["f", name, at]:
            yield "derivative", ["f", name + "'", at]
            yield from ((f"at {label}", ["f", name, new]) for label, new in scalar(at))
        case ["^", base, [_, p, q]]:
            yield "exponent", ["^", base, ["q", p + q, q]]
            yield "reciprocal", ["^", base, ["q", -p, q]]
            yield from ((label, ["^", new, s[2]]) for label, new in scalar(base))
        case ["exp", inner]:
            yield from ((label, ["exp", new]) for label, new in scalar(inner))
        case ["+" | "*", *parts]:
            for k, part in enumerate(parts):
                rest = parts[:k] + parts[k + 1 :]
                yield "part dropped", [s[0], *rest] if len(rest) > 1 else rest[0]
                yield from ((label, [s[0], *parts[:k], new, *parts[k + 1 :]]) for label, new in scalar(part))


def argument(a: Any) -> Altered:
    """An argument of a field with one thing changed."""
    if a[0] in ("pt", "at", "along"):
        yield "another point", [a[0], a[1] + "~", *a[2:]]
    if a[0] != "pt":
        yield from ((label, [*a[:-1], new]) for label, new in scalar(a[-1]))


def expression(e: Any) -> Altered:
    """An expression with one thing changed, at every place."""
    yield "negated", ["mul", MINUS, e]
    yield "doubled", ["mul", TWO, e]
    match e:
        case ["num", s]:
            yield from ((label, ["num", new]) for label, new in scalar(s))
        case ["field", name, args, comps]:
            yield "name", ["field", name + "~", args, comps]
            for k, a in enumerate(args):
                yield from (
                    (label, ["field", name, [*args[:k], new, *args[k + 1 :]], comps]) for label, new in argument(a)
                )
                if k and a != args[k - 1]:
                    yield "arguments swapped", ["field", name, [*args[: k - 1], a, args[k - 1], *args[k + 1 :]], comps]
            for k, i in enumerate(comps):
                yield "index", ["field", name, args, [*comps[:k], i + "~", *comps[k + 1 :]]]
        case ["add" | "mul", *parts]:
            for k, part in enumerate(parts):
                if len(parts) > 1:
                    yield "part dropped", [e[0], *parts[:k], *parts[k + 1 :]]
                yield from ((label, [e[0], *parts[:k], new, *parts[k + 1 :]]) for label, new in expression(part))
        case ["pow", base, n]:
            yield "exponent", ["pow", base, n + 1]
            yield "reciprocal", ["pow", base, -n]
            yield from ((label, ["pow", new, n]) for label, new in expression(base))
        case ["log", inner]:
            yield "log dropped", inner
            yield from ((label, ["log", new]) for label, new in expression(inner))
        case ["d", inner, x, i]:
            yield "derivative dropped", inner
            yield "by another variable", ["d", inner, x + "~", i]
            yield "index", ["d", inner, x, i + "~" if i else "i"]
            yield from ((label, ["d", new, x, i]) for label, new in expression(inner))
        case ["bind", kind, x, low, high, inner]:
            yield "binder dropped", inner
            yield "variable", ["bind", kind, x + "~", low, high, inner]
            other = {"sum": "prod", "prod": "sum", "int": "con", "con": "int", "time": "sum", "path": "int"}[kind]
            yield "kind", ["bind", other, x, low, high, inner]
            if kind == "path":
                yield "law", ["bind", kind, x, low + "~", high, inner]
            if high is not None:
                yield from ((f"low {label}", ["bind", kind, x, new, high, inner]) for label, new in scalar(low))
                yield from ((f"high {label}", ["bind", kind, x, low, new, inner]) for label, new in scalar(high))
            yield from ((label, ["bind", kind, x, low, high, new]) for label, new in expression(inner))


SCALARS, EXPRESSIONS = (
    ("q", "c", "v", "pi", "f", "+", "*", "^", "exp"),
    ("num", "field", "add", "mul", "pow", "log", "d", "bind"),
)


def anything(v: Any) -> Altered:
    """A hypothesis or a parameter with one thing changed."""
    match v:
        case bool():
            yield "flag", not v
        case str():
            yield "name", v + "~"
        case [str(tag), _, *_] if tag in EXPRESSIONS:
            yield from expression(v)
        case [str(tag), *_] if tag in SCALARS:
            yield from scalar(v)
        case [*parts]:
            yield "one more", [*parts, "~"]
            for k, part in enumerate(parts):
                yield "one less", parts[:k] + parts[k + 1 :]
                yield from ((label, [*parts[:k], new, *parts[k + 1 :]]) for label, new in anything(part))


def text(h: Any) -> str:
    return json.dumps(h, ensure_ascii=False)


def step(s: Any, k: int) -> Altered:
    """Step number k with one thing changed."""
    hyps, premises = s["hyps"], s["premises"]
    order = [text(h) for h in hyps]

    def with_one(new: Any, without: int | None = None) -> Any:
        """Another hypothesis in its place, so that it isn't the order that is refused."""
        out, at = list(hyps), bisect(order, text(new))
        out.insert(at, new)
        if without is not None:
            del out[without + (at <= without)]
        return s | {"hyps": out}

    for n, h in enumerate(hyps):
        yield f"hypothesis {n} dropped", s | {"hyps": hyps[:n] + hyps[n + 1 :]}
        yield from ((f"hypothesis {n}: {label}", with_one(new, n)) for label, new in anything(h))
    for h in (["positive", "~"], ["given", "~", TWO, "=", TWO]):
        yield "hypothesis added", with_one(h)
    for n, j in enumerate(premises):
        yield f"premise {n} dropped", s | {"premises": premises[:n] + premises[n + 1 :]}
        for other in {j - 1, j + 1, k} - {j}:
            yield f"premise {n} is {other}", s | {"premises": [*premises[:n], other, *premises[n + 1 :]]}
    for j in range(k):
        yield f"premise {j} added", s | {"premises": [*premises, j]}
    if len(premises) > 1:
        yield "premises turned round", s | {"premises": premises[::-1]}
    yield "relation", s | {"rel": ">=" if s["rel"] == "=" else "="}
    if s["lhs"] != s["rhs"]:
        yield "sides swapped", s | {"lhs": s["rhs"], "rhs": s["lhs"]}
    for side in ("lhs", "rhs"):
        yield from ((f"{side}: {label}", s | {side: new}) for label, new in expression(s[side]))
    for name, v in s["params"].items():
        rest = {n: u for n, u in s["params"].items() if n != name}
        yield f"parameter {name} dropped", s | {"params": rest}
        yield from ((f"parameter {name}: {label}", s | {"params": rest | {name: new}}) for label, new in anything(v))
    yield "parameter added", s | {"params": s["params"] | {"~": 1}}
    yield from ((f"is a {rule}", s | {"rule": rule}) for rule in replay.RULES if rule != s["rule"])


def alterations(cert: dict[str, Any]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The certificate with one thing changed, in every way: at which step (−1: of the whole), what was, and the certificate."""
    steps = cert["steps"]
    for k, s in enumerate(steps):
        for label, new in step(s, k):
            yield k, f"step {k} ({s['rule']}): {label}", cert | {"steps": [*steps[:k], new, *steps[k + 1 :]]}
    for kind in ("constants", "functions"):
        for name, said in cert[kind].items():
            rest = {n: a for n, a in cert[kind].items() if n != name}
            yield -1, f"{name} not declared", cert | {kind: rest}
            for a in said:
                yield -1, f"{name} not {a}", cert | {kind: rest | {name: [b for b in said if b != a]}}
    yield -1, "format", cert | {"format": 2}
    yield -1, "last step removed", cert | {"steps": steps[:-1]}


def harmless(original: dict[str, Any], altered: dict[str, Any]) -> bool:
    """Whether an altered certificate that replay accepts still proves the same: last statement, hypotheses, declarations.

    The statement may be written otherwise, as long as each side (of an equation: in either order) has the same value in all
    models: 2·0 for 0, (−a)² for a², a sum over another letter.  Fewer assumptions on constants prove more.  A certificate cut
    short proves one of its earlier steps: that this isn't the claim is for the comparison with the claim to see.
    """
    before, after = original["steps"], altered["steps"]
    if after == before[: len(after)] and len(after) < len(before):
        return True
    for kind in ("constants", "functions"):
        if any(not set(said) <= set(original[kind].get(n, said)) for n, said in altered[kind].items()):
            return False
    a, b = before[-1], after[-1]
    same_hyps = all(any(same_hypothesis(h, g) for g in b["hyps"]) for h in a["hyps"]) and len(a["hyps"]) == len(
        b["hyps"]
    )
    orders = [(b["lhs"], b["rhs"])] + [(b["rhs"], b["lhs"])] * (a["rel"] == "=")
    same = any(equal(a["lhs"], left) and equal(a["rhs"], right) for left, right in orders)
    return bool(a["rel"] == b["rel"] and same_hyps and same)


def equal(a: Any, b: Any) -> bool:
    """Whether two expressions have the same value in all models, constants and functions being positive."""
    if a == b:
        return True
    gap = replay.freeze(["add", a, ["mul", MINUS, b]])
    positive = {s[:2] for s in replay.walk(gap) if s[0] in ("c", "f")}
    try:
        return replay.vanishes(gap, {}, leave=True, positive=positive)
    except replay.Bad:
        return False


def same_hypothesis(a: Any, b: Any) -> bool:
    if a[0] == b[0] == "range":
        return all(equal(["num", u], ["num", v]) for u, v in zip(a[1:], b[1:], strict=True))
    return bool(a == b)


@dataclass
class Outcome:
    """How many alterations were tried, how many of them are harmless, and those that replay accepts though they aren't."""

    tried: int = 0
    harmless: int = 0
    survivors: list[str] = field(default_factory=list)


def tamper(cert: dict[str, Any], every: int = 1) -> Outcome:
    """Alter the certificate in every way (every so manieth), and see what replay says.

    The altered step alone is checked first, after what stands before it: what is refused there is refused in the whole, as
    that knows more definitions and refuses more.  A line that held isn't evaluated again for other hypotheses.
    """
    out, cert = Outcome(), copy.deepcopy(cert)
    places = list(prefixes(cert))
    with patch.object(replay, "vanishes", remembering(replay.vanishes)):
        for k, label, altered in itertools.islice(alterations(cert), 0, None, every):
            out.tried += 1
            if (k < 0 or step_holds(*places[k], altered["steps"][k])) and holds(altered):
                if harmless(cert, altered):
                    out.harmless += 1
                else:
                    out.survivors.append(label)
    return out


def remembering(vanishes: Callable[..., bool]) -> Callable[..., bool]:
    """The same, with what vanished remembered."""
    known: set[Any] = set()

    def remembered(e: Any, where: replay.Where, ito: bool = False, **allowed: Any) -> bool:
        key = e, tuple(where.items()), ito, *(frozenset(v) if isinstance(v, set) else v for v in allowed.values())
        if key not in known and vanishes(e, where, ito, **allowed):
            known.add(key)
        return key in known

    return remembered


def prefixes(cert: dict[str, Any]) -> Iterator[tuple[replay.Reader, list[replay.Step]]]:
    """For each step, what was read before it."""
    reader, steps = replay.Reader(), list[replay.Step]()
    reader.declare("c", cert["constants"], ["positive", "real", "integer"])
    reader.declare("f", cert["functions"], ["positive", "real"])
    for s in cert["steps"]:
        yield again(reader), list(steps)
        steps.append(replay.read_step(reader, s, steps))


def again(reader: replay.Reader) -> replay.Reader:
    return replace(reader, shapes=dict(reader.shapes), where=dict(reader.where), chains=dict(reader.chains))


def step_holds(reader: replay.Reader, before: list[replay.Step], s: Any) -> bool:
    """Whether replay accepts a step after these."""
    try:
        replay.verify(replay.read_step(again(reader), s, before))
    except Exception:  # what breaks it is malformed
        return False
    return True


def holds(cert: dict[str, Any]) -> bool:
    """Whether replay accepts a certificate."""
    try:
        replay.check(cert)
    except replay.Bad:
        return False
    return True
