"""What `concordant verify` shows: a bar while it runs, then a table, then what failed and where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from concordant.proofs_tests.agreement import Agreement
from concordant.proofs_tests.ledger import Ledger
from concordant.theory import registry
from concordant.theory.registry import Claim

COLOURS = {
    "derived": "bold green",
    "instance": "green",
    "probable": "yellow",
    "evaluated": "green",
    "assumed": "yellow",
    "failed": "bold red",
    "not run": "dim",
    "rule": "cyan",
    "definition": "cyan",
    "not checkable": "dim",
}


class Bar:
    """A progress bar on the way through the cells, with how many failed."""

    def __init__(self, bar: Progress) -> None:
        self._bar, self._task = bar, bar.add_task("making ready", total=None)

    def begin(self, total: int) -> None:
        self._bar.update(self._task, total=total, description="verifying")

    def step(self, failed: int) -> None:
        said = f"verifying, [red]{failed} failed[/]" if failed else "verifying"
        self._bar.update(self._task, advance=1, description=said)


@contextmanager
def progress(console: Console) -> Iterator[Bar]:
    """The bar; nothing is drawn where the output is not a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield Bar(bar)


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.1e}"


def worst(agreements: list[dict[str, Any]]) -> str:
    """The discrepancy that is largest against its tolerance, "3e-12 / 1e-10"."""

    def share(entry: dict[str, Any]) -> float:
        gap, limit = float(entry["discrepancy"]), entry["tolerance"]
        if gap != gap:
            return float("inf")
        return gap / limit if limit else (0.0 if gap == 0 else float("inf"))

    if not agreements:
        return ""
    most = max(agreements, key=share)
    return f"{_number(most['discrepancy'])} / {most['tolerance']:.2g}"


def table(ledger: Ledger) -> Table:
    """A line a claim that was run: tag, what it says, how many targets and cells, wrong formulas noticed, the worst
    discrepancy against its tolerance, status."""
    shown = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("claim", "what it says"):
        shown.add_column(name, no_wrap=name == "claim")
    for name in ("targets", "cells", "wrong"):
        shown.add_column(name, justify="right")
    for name in ("worst / tolerance", "status"):
        shown.add_column(name, no_wrap=True)
    for claim in ledger["claims"]:
        agreements, mutants, status = claim["agreements"], claim["mutants"], claim["status"]
        if status == "not run":
            continue
        shown.add_row(
            claim["tag"],
            claim["title"],
            str(len({entry["target"] for entry in agreements})),
            str(len(agreements)),
            f"{mutants['refuted']}/{mutants['total']}",
            worst(agreements),
            Text(status, style=COLOURS[status]),
        )
    return shown


def failures(ledger: Ledger) -> Iterator[str]:
    """A line for each cell that failed, with both values, and for each wrong formula that was not noticed."""
    for claim in ledger["claims"]:
        proof = claim["derivation"] or {}
        if "error" in proof:
            yield f"{claim['tag']} derivation: {proof['error']}"
        yield from (f"{claim['tag']} altered statement not explained: {s}" for s in proof.get("survivors", ()))
        for entry in claim["agreements"]:
            if entry["ok"]:
                continue
            where = f"{claim['tag']} {entry['name']}: {entry['target']} under {entry['schedule']}"
            if "error" in entry:
                yield f"{where}: {entry['error']}"
            else:
                yield (
                    f"{where}, {entry['at'] or 'everywhere'}: left {float(entry['left']):.12g}, right {float(entry['right']):.12g}, "
                    f"discrepancy {_number(entry['discrepancy'])} exceeds {entry['tolerance']:.0e} "
                    f"({entry['tolerance_class']})"
                )
        for entry in claim["wrong_formulas"]:
            if not entry["refuted"]:
                yield (
                    f"{claim['tag']} {entry['agreement']}: the wrong formula “{entry['formula']}” was not noticed "
                    f"on {entry['target']} under {entry['schedule']}"
                )


def summary(ledger: Ledger) -> str:
    """One line: how much was run, and how it went."""
    totals, cells = ledger["totals"], ledger["cells"]
    status = ", ".join(f"{count} {name}" for name, count in totals["by_status"].items())
    return (
        f"{totals['claims']} claim{'s' * (totals['claims'] != 1)}: {status}; {cells['run']} of {cells['possible']} cells run, "
        f"{totals['cells_failed']} failed; {totals['wrong_formulas_refuted']} of {totals['wrong_formulas']} wrong formulas noticed"
    )


def show(console: Console, ledger: Ledger, notes: Iterable[str] = ()) -> None:
    """The table, the failures, the summary."""
    console.print(table(ledger))
    for line in failures(ledger):
        console.print(line, style="red", markup=False, highlight=False)
    for line in notes:
        console.print(line, style="dim", markup=False, highlight=False)
    console.print(summary(ledger), markup=False, highlight=False)


def show_claim(
    console: Console, claim: Claim, agreements: Iterable[Agreement], tell: Callable[[], None] | None = None
) -> None:
    """One claim, for reading; `tell` prints its derivation."""

    def line(name: str, values: Iterable[str]) -> None:
        for value in values:
            console.print(Text(f"{name:<12}", style="dim"), Text(value), sep="")
            name = ""

    console.print(Text(f"{claim.tag}  {claim.title}", style="bold"))
    console.print(Text(claim.slogan, style="italic"))
    console.print(Text(claim.statement), style="")
    console.print()
    line("slug", [claim.slug])
    line("topic", [f"{claim.topic}, section {claim.section} of the monograph"])
    line("rows", [", ".join(claim.rows)] if claim.rows else [])
    for n, hypothesis in enumerate(claim.hypotheses):
        line("needs" if n == 0 else "", [hypothesis])
        line("", [f"  without it: {text}" for text in claim.without[n : n + 1]])
    line("uses", [f"{registry.claim(slug).tag} {slug}" for slug in claim.uses])
    line("used by", [f"{registry.claim(slug).tag} {slug}" for slug in registry.used_by(claim.slug)])
    if tell is not None:
        tell()
    for one in agreements:
        limit = one.tolerance.float64 if one.bound is None else one.bound
        console.print()
        console.print(Text("agreement  ", style="dim"), Text(one.name, style="bold"), sep="")
        console.print(Text(one.statement))
        line("tolerance", [f"{limit:g} ({one.tolerance.name}: {one.tolerance.meaning}), because: {one.because}"])
        line("must refute", [b.description for b in one.breaks])
