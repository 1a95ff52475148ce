"""Which cells are run: an agreement on every target under every schedule takes an hour, and a covering design minutes.

A cell is (agreement, target, schedule).  The default design takes, for the i-th agreement, its j-th target with schedule number
i + j (round and round), until each target and each schedule that it applies to has had its turn.  So every pair
(agreement, target) and every pair (agreement, schedule) is run, and over all agreements every pair (target, schedule): what
depends on two factors at a time can't hide.  The quick design takes one cell an agreement, going round targets and schedules
at coprime paces, and leaves out targets that take long to make.  The full design takes every cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from concordant.impl.schedules import Schedule
from concordant.impl.targets import GaussianMixture
from concordant.proofs_tests.agreement import Agreement
from concordant.proofs_tests.case import Case

Design = Literal["quick", "default", "full"]

#: Where wrong formulas are tried: the first of these targets, and of these schedules, that the agreement applies to.
BREAK_TARGETS = ("anisotropic", "unequal", "well-separated", "ring")
BREAK_SCHEDULES = ("vp-linear", "flow-matching", "ve")


class Cell(NamedTuple):
    """Names of an agreement, a target and a schedule."""

    agreement: str
    target: str
    schedule: str


def possible(
    agreement: Agreement, targets: Mapping[str, GaussianMixture], schedules: Mapping[str, Schedule]
) -> list[tuple[str, str]]:
    """The (target, schedule) that the agreement applies to, in order."""
    return [
        (name, clock)
        for name, target in targets.items()
        for clock, schedule in schedules.items()
        if agreement.applies(Case(name, target, schedule))
    ]


def choose(index: int, pairs: Sequence[tuple[str, str]], design: Design) -> list[tuple[str, str]]:
    """The pairs that a design takes for the agreement of that number.

    >>> choose(0, [(t, s) for t in "abc" for s in "xy"], "default")
    [('a', 'x'), ('b', 'y'), ('c', 'x')]
    """
    if design == "full" or not pairs:
        return list(pairs)
    allowed = set(pairs)
    targets, schedules = (list(dict.fromkeys(column)) for column in zip(*pairs, strict=True))
    if design == "quick":
        wanted = [(targets[index % len(targets)], index)]
    else:
        wanted = [(targets[j % len(targets)], index + j) for j in range(max(len(targets), len(schedules)))]
    chosen = []
    for target, number in wanted:
        # the next schedule that applies with this target
        turns = (schedules[(number + skip) % len(schedules)] for skip in range(len(schedules)))
        chosen.append(next((target, schedule) for schedule in turns if (target, schedule) in allowed))
    return list(dict.fromkeys(chosen))


def cells(
    agreements: Iterable[Agreement],
    targets: Mapping[str, GaussianMixture],
    schedules: Mapping[str, Schedule],
    design: Design,
) -> tuple[list[Cell], int]:
    """The cells to run, and how many there are in all."""
    chosen, total = [], 0
    for index, one in enumerate(agreements):
        pairs = possible(one, targets, schedules)
        total += len(pairs)
        chosen += [Cell(one.name, *pair) for pair in choose(index, pairs, design)]
    return chosen, total


def break_cell(agreement: Agreement, targets: Mapping[str, GaussianMixture], schedules: Mapping[str, Schedule]) -> Cell:
    """Where the agreement's wrong formulas are tried."""
    for name in BREAK_TARGETS:
        for clock in BREAK_SCHEDULES:
            if agreement.applies(Case(name, targets[name], schedules[clock])):
                return Cell(agreement.name, name, clock)
    raise ValueError(f"agreement {agreement.name!r} applies to none of the cells on which wrong formulas are tried")
