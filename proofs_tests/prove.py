"""Proving a claim anew: derive it, write its certificates, and have them replayed in a fresh process.

The derivation runs the kernel; the replay is `theory/kernel/replay.py`, run by itself with nothing but the standard library.
A claim counts as derived only if both say yes, each reason of each line is needed, and no altered statement passes.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from concordant.proofs_tests.alter import Altered, alter, witnessed
from concordant.proofs_tests.components import dimensions
from concordant.proofs_tests.proof import Proof
from concordant.theory.derivation import Derivation, derive, slugs
from concordant.theory.kernel import show
from concordant.theory.kernel.certificate import certificate, text
from concordant.theory.kernel.rules import Reason, Theorem, algebra, difference
from concordant.theory.kernel.terms import Refused

#: Rules that take something from analysis for granted; `line`, `chain` and the like are bookkeeping.
AXIOMS = (
    "Dynkin",
    "Jensen",
    "chain Bayes",
    "chain start",
    "divergence theorem",
    "fundamental lemma",
    "fundamental theorem",
    "given",
    "path marginal",
    "path posterior",
    "uniqueness",
)


def theorems(th: Theorem, seen: set[int] | None = None) -> Iterator[Theorem]:
    """A theorem and all under it, premises first, each once."""
    seen = set() if seen is None else seen
    if id(th) in seen:
        return
    seen.add(id(th))
    for premise in th.premises:
        yield from theorems(premise, seen)
    yield th


def axioms(made: Derivation) -> tuple[str, ...]:
    """What the derivation takes for granted: rules of analysis, and assumptions of the claim's own by their labels."""
    found = {
        f"given: {t.params['label']}" if t.rule == "given" and t.params else t.rule
        for th in made.theorems
        for t in theorems(th)
        if t.rule in AXIOMS
    }
    if any(t.params and t.params.get("ito") for th in made.theorems for t in theorems(th)):
        found.add("Itô's table")
    return tuple(sorted(found))


def idle_reasons(th: Theorem) -> list[str]:
    """Lines that hold without a part of their stated reason: each is an error of writing.  (A lint, not a matter of truth.)"""
    found = []
    for t in theorems(th):
        if t.rule != "line" or not t.params:
            continue
        p = t.params
        for fewer in _fewer(p, t.premises):
            try:
                if not difference(t.lhs, t.rhs, fewer, t.hyps):
                    found.append(f"{p['reason']!r} is more than is needed (it holds by {fewer.text!r})")
            except Refused:
                continue
    return found


def _fewer(p: dict[str, Any], cited: tuple[Theorem, ...]) -> Iterator[Reason]:
    """The reasons with one part left out."""
    whole = Reason(
        algebra.text, tuple(p["definitions"]), tuple(p["normalised"]), p["under_integral"], p["ito"], tuple(cited)
    )
    parts: list[tuple[str, Any]] = [("definitions", d) for d in whole.definitions]
    parts += [("normalised", n) for n in whole.normalised] + [("cited", c) for c in whole.cited]
    for name, part in parts:
        left = tuple(one for one in getattr(whole, name) if one is not part)
        yield Reason(
            **{**whole.__dict__, name: left, "text": f"without {part[1] if isinstance(part, tuple) else name}"}
        )
    for name in ("under_integral", "ito"):
        if getattr(whole, name):
            yield Reason(**{**whole.__dict__, name: False, "text": f"without {name}"})


def replay(certificates: list[dict[str, Any]]) -> str:
    """Have certificates checked by the replay in a fresh process; empty if all hold, else what it said."""
    with tempfile.TemporaryDirectory() as folder, as_file(files("concordant.theory.kernel") / "replay.py") as program:
        paths = []
        for n, cert in enumerate(certificates):
            path = Path(folder) / f"{n}.json"
            path.write_text(text(cert), encoding="utf-8")
            paths.append(str(path))
        # -I -S: no site packages, no environment, not the current folder: nothing but the standard library
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(program), *paths],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()[-500:]


def statement_hash(certificates: list[dict[str, Any]]) -> str:
    """The hash of what is stated: both sides, the relation and the hypotheses of each theorem."""
    stated = [{k: cert["steps"][-1][k] for k in ("lhs", "rel", "rhs", "hyps")} for cert in certificates]
    return hashlib.sha256(json.dumps(stated, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def formal_sha256(slug: str) -> str:
    """The hash of a claim's formal statement; empty if it has no derivation."""
    made = derive(slug)
    return "" if made is None else statement_hash([certificate(slug, th) for th in made.theorems])


def prove(slug: str, thorough: bool = True) -> Proof:
    """Derive a claim, have it replayed, and alter its statements: in every way if `thorough`, else in a few."""
    return prove_all((slug,), thorough)[0]


def prove_all(slugs: Sequence[str], thorough: bool = True) -> list[Proof]:
    """The same of several, with one process for the replay of all; where it objects, one for each."""
    made = {slug: _derived(slug) for slug in slugs}
    certificates = {
        slug: [certificate(slug, th) for th in one.theorems]
        for slug, one in made.items()
        if isinstance(one, Derivation)
    }
    together = [each for several in certificates.values() for each in several]
    objection = replay(together) if together else ""
    return [
        _proof(one, certificates[slug], replay(certificates[slug]) if objection else "", thorough)
        if isinstance(one, Derivation)
        else Proof(slug, error=one)
        for slug, one in made.items()
    ]


def _derived(slug: str) -> Derivation | str:
    try:
        return derive(slug) or "there is no derivation"
    except Refused as error:
        return f"refused: {error}"


def _proof(made: Derivation, certificates: list[dict[str, Any]], objection: str, thorough: bool) -> Proof:
    began = time.perf_counter()
    replayed = not objection
    every = [t for th in made.theorems for t in theorems(th)]
    try:
        altered, witness = alter(made, thorough), witnessed(made)
    except (
        Exception
    ) as error:  # a witness at which the statement fails, say: the claim has failed, and the others go on
        altered, witness = Altered({}), {}
        objection = "; ".join(filter(None, [objection, f"altering it: {type(error).__name__}: {error}"]))
    return Proof(
        made.slug,
        statements=tuple(show.statement(th, made.notation).plain for th in made.theorems),
        lines=sum(t.rule == "line" for t in every),
        rules=dict(sorted(Counter(t.rule for t in every).items())),
        axioms=axioms(made),
        sha256=hashlib.sha256("\n".join(map(text, certificates)).encode()).hexdigest(),
        statement_sha256=statement_hash(certificates),
        replayed=replayed,
        dimensions=dimensions(every) if replayed else 0,
        mutants=altered.mutants,
        survivors=altered.survivors,
        examples=altered.examples,
        witness=witness,
        error=objection,
        seconds=time.perf_counter() - began,
    )


__all__ = [
    "Proof",
    "axioms",
    "formal_sha256",
    "idle_reasons",
    "prove",
    "prove_all",
    "replay",
    "slugs",
    "statement_hash",
    "theorems",
]
