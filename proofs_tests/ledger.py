"""The ledger: what was checked, how, with which versions and how closely.  Every figure that is quoted comes from it.

    {version, created, environment, sources_sha256, run, claims: [...], cells: {run, possible}, totals}

and for each claim

    {tag, slug, title, statement_sha256, inventory, status, hypotheses, axioms, uses, derivation, agreements: [...],
     mutants: {total, refuted, unprovable, weaker, equivalent}, seconds}

where a derivation is

    {lines, rules, statements, statement_sha256, certificate_sha256, replayed, dimensions, refuted, witness}

whose `dimensions` is the n such that the replay compared each line with its components in every dimension from 1 to n.

`earned` is what the claim has by itself.  A status is earned here and nowhere else: `derived` if the kernel derived it and the
replay agreed (`instance` where the derivation is of a case only), `evaluated` if every cell of every agreement of the claim held
and every wrong formula was noticed, `failed` if anything did not, `not run` if this run had nothing for it; rules, definitions
and what can't be checked say so.  A claim is never better than the weakest claim that it uses.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import os
import platform
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import concordant
from concordant.errors import BadInput
from concordant.proofs_tests.agreement import AGREEMENTS
from concordant.proofs_tests.proof import Proof
from concordant.proofs_tests.run import Result
from concordant.theory import registry
from concordant.theory.registry import Claim

#: From best to worst.  A claim is never better than the worst of those that it uses; what was not run drags nothing down.
RANKS = ("derived", "instance", "probable", "evaluated", "assumed", "failed")
PACKAGES = ("torch", "numpy", "scipy", "sympy", "scikit-learn")

Ledger = dict[str, Any]


def sources() -> dict[str, bytes]:
    """Every file of the package that a result may depend on, by its name in the package; tests and the maker of the site's
    pages are not among them."""
    root = Path(concordant.__file__).parent
    found = {}
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(f for f in folders if f not in ("__pycache__", "tests", "pages"))
        for name in sorted(names):
            if Path(name).suffix in (".py", ".toml", ".csv"):
                path = Path(folder) / name
                found[path.relative_to(root).as_posix()] = path.read_bytes()
    return dict(sorted(found.items()))


def sources_sha256() -> str:
    """One hash of all sources: a ledger with another one is stale."""
    digest = hashlib.sha256()
    for name, content in sources().items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def statement_sha256(claim: Claim) -> str:
    """The hash of what the claim says: its statement and its hypotheses."""
    return hashlib.sha256("\n".join([claim.statement, *claim.hypotheses]).encode()).hexdigest()


def environment() -> dict[str, str]:
    """Versions, and the kind of machine, without its name."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "platform": f"{sys.platform} {platform.machine()}", **versions}


def _finite(value: float) -> float | str:
    """JSON has no NaN and no infinity: they are written as words."""
    return value if math.isfinite(value) else str(value)


def _agreement(result: Result) -> dict[str, Any]:
    agreement, cell = AGREEMENTS[result.task.cell.agreement], result.task.cell
    entry: dict[str, Any] = {
        "name": agreement.name,
        "target": cell.target,
        "schedule": cell.schedule,
        "tolerance_class": agreement.tolerance.name,
        "tolerance": result.tolerance,
        "discrepancy": _finite(result.discrepancy),
        "ok": result.ok,
        "at": result.at,
        "left": _finite(result.left),
        "right": _finite(result.right),
        "seconds": round(result.seconds, 3),
    }
    if result.error:
        entry["error"] = result.error
    return entry


def _wrong(result: Result) -> dict[str, Any]:
    assert result.task.wrong is not None
    cell = result.task.cell
    return {
        "agreement": cell.agreement,
        "formula": AGREEMENTS[cell.agreement].breaks[result.task.wrong].description,
        "target": cell.target,
        "schedule": cell.schedule,
        "discrepancy": _finite(result.discrepancy),
        "tolerance": result.tolerance,
        "refuted": refuted(result),
    }


def refuted(result: Result) -> bool:
    """Whether a wrong formula was noticed by comparison.  An agreement that raises has not compared anything."""
    return not result.error and not result.ok


def earned(claim: Claim, held: Sequence[Result], wrong: Sequence[Result], proof: Proof | None) -> str:
    """The status that a claim's own derivation and agreements earn."""
    if not all(r.ok for r in held) or not all(refuted(r) for r in wrong) or (proof is not None and not proof.ok):
        return "failed"
    if claim.nature != "claim":
        return claim.nature
    if proof is not None:
        return "instance" if proof.instance else "derived"
    return "evaluated" if held else "not run"


def with_uses(status: Mapping[str, str]) -> dict[str, str]:
    """Each claim's status after the weakest claim that it uses, all the way down."""
    final = dict(status)
    for _ in final:  # the longest chain is no longer than this
        for slug in final:
            used = [final[u] for u in registry.claims()[slug].uses if final.get(u) in RANKS]
            if final[slug] in RANKS:
                final[slug] = max([final[slug], *used], key=RANKS.index)
    return final


def _derivation(proof: Proof) -> dict[str, Any]:
    entry = {
        "lines": proof.lines,
        "rules": proof.rules,
        "statements": list(proof.statements),
        "statement_sha256": proof.statement_sha256,
        "certificate_sha256": proof.sha256,
        "replayed": proof.replayed,
        "dimensions": proof.dimensions,
        "refuted": list(proof.examples),
        "witness": {kind: list(proof.witness.get(kind, ())) for kind in ("problems", "untame", "unchecked")},
    }
    return (
        entry
        | ({"error": proof.error} if proof.error else {})
        | ({"survivors": list(proof.survivors)} if proof.survivors else {})
    )


#: The classes of altered statements: those of a wrong formula are always refuted, or the claim has failed.
CLASSES = ("refuted", "unprovable", "weaker", "equivalent")


def _mutants(wrong: Sequence[Result], proof: Proof | None) -> dict[str, int]:
    """Altered statements and wrong formulas together, by what became of them."""
    found = {kind: (proof.mutants.get(kind, 0) if proof else 0) for kind in CLASSES}
    found["refuted"] += sum(map(refuted, wrong))
    return {"total": len(wrong) + (proof.mutants.get("total", 0) if proof else 0), **found}


def build(
    results: Iterable[Result],
    proofs: Iterable[Proof],
    claims: Iterable[Claim],
    possible: int,
    run: Mapping[str, Any],
) -> Ledger:
    """The ledger of a run.  `run` says how it was asked for: design, seed, type, targets, schedules."""
    proved = {proof.slug: proof for proof in proofs}
    held: defaultdict[str, list[Result]] = defaultdict(list)
    wrong: defaultdict[str, list[Result]] = defaultdict(list)
    for result in sorted(results, key=lambda r: (r.task.cell, -1 if r.task.wrong is None else r.task.wrong)):
        into = held if result.task.wrong is None else wrong
        into[AGREEMENTS[result.task.cell.agreement].claim].append(result)
    chosen = {claim.slug: claim for claim in claims}
    own = {slug: earned(claim, held[slug], wrong[slug], proved.get(slug)) for slug, claim in chosen.items()}
    status = with_uses(own)
    entries = [
        {
            "tag": claim.tag,
            "slug": slug,
            "title": claim.title,
            "statement_sha256": statement_sha256(claim),
            "inventory": list(claim.rows),
            "status": status[slug],
            "earned": own[slug],
            "hypotheses": list(claim.hypotheses),
            "axioms": list(proved[slug].axioms) if slug in proved else [],
            "uses": list(claim.uses),
            "derivation": _derivation(proved[slug]) if slug in proved else None,
            "agreements": [_agreement(r) for r in held[slug]],
            "wrong_formulas": [_wrong(r) for r in wrong[slug]],
            "mutants": _mutants(wrong[slug], proved.get(slug)),
            "seconds": round(
                sum(r.seconds for r in held[slug] + wrong[slug]) + (proved[slug].seconds if slug in proved else 0), 3
            ),
        }
        for slug, claim in chosen.items()
    ]
    cells = [r for rs in held.values() for r in rs]
    tried = [r for rs in wrong.values() for r in rs]
    return {
        "version": concordant.__version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment(),
        "sources_sha256": sources_sha256(),
        "run": dict(run),
        "claims": entries,
        "cells": {"run": len(cells), "possible": possible},
        "totals": {
            "claims": len(entries),
            "by_status": dict(sorted(Counter(status.values()).items())),
            "cells_held": sum(r.ok for r in cells),
            "cells_failed": sum(not r.ok for r in cells),
            "wrong_formulas": len(tried),
            "wrong_formulas_refuted": sum(map(refuted, tried)),
            "derived_lines": sum(proof.lines for proof in proved.values()),
            "altered_statements": sum(proof.mutants.get("total", 0) for proof in proved.values()),
            "altered_statements_refuted": sum(proof.mutants.get("refuted", 0) for proof in proved.values()),
        },
    }


def holds(ledger: Ledger) -> bool:
    """Whether all that was claimed held."""
    return not any(claim["status"] == "failed" for claim in ledger["claims"])


def check_writable(path: Path) -> None:
    """Raise `BadInput` unless a file can be written at `path`; nothing is left behind."""
    if path.is_dir():
        raise BadInput(f"--json {str(path)!r} is a folder, not a file")
    if path.exists() and not path.is_file():
        raise BadInput(f"--json {str(path)!r} is not an ordinary file (for standard output, give -)")
    try:
        with tempfile.TemporaryFile(dir=path.resolve().parent):
            pass
    except OSError as error:
        raise BadInput(f"--json {str(path)!r} can't be written: {error.strerror or error}") from None


def write(ledger: Ledger, path: Path) -> None:
    """Write the ledger whole or not at all."""
    text = json.dumps(ledger, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    path = path.resolve()  # a link stays a link
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # as an ordinary new file, not as a private temporary one
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def read(path: Path) -> Ledger:
    """A ledger from its file.  Raises `BadInput` if it is not one."""
    try:
        ledger: Ledger = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{str(path)!r} is not a ledger: {error}") from None
    if not isinstance(ledger, dict) or "claims" not in ledger or "sources_sha256" not in ledger:
        raise BadInput(f"{str(path)!r} is not a ledger: it has no claims")
    return ledger


def stale(ledger: Ledger) -> bool:
    """Whether the sources have changed since the ledger was made."""
    return bool(ledger["sources_sha256"] != sources_sha256())
