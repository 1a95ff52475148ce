"""`concordant verify`: resolve what was asked for, run it, make the ledger."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from concordant.errors import BadInput, unknown
from concordant.impl.schedules import SCHEDULES, schedule
from concordant.impl.targets import NAMED, GaussianMixture, target
from concordant.impl.targets.files import FloorWarning, load
from concordant.proofs_tests import ledger
from concordant.proofs_tests.agreements import AGREEMENTS
from concordant.proofs_tests.covering import BREAK_SCHEDULES, BREAK_TARGETS, Design, break_cell, cells
from concordant.proofs_tests.proof import Proof
from concordant.proofs_tests.run import ProofTask, Result, Setting, Task, make_ready, run
from concordant.theory import registry
from concordant.theory.derivation import slugs

DTYPES = {"float64": torch.float64, "float32": torch.float32}

#: Derivations replayed by one process in the quick design: to start one takes as long as to replay two.
TOGETHER = 10

#: Left out of the quick design, since they take seconds to make.
SLOW_TARGETS = ("digits",)


@dataclass(frozen=True)
class Request:
    """What was asked for; empty sequences mean all.  Targets are names or paths."""

    targets: Sequence[str] = ()
    components: int = 5
    schedules: Sequence[str] = ()
    claims: Sequence[str] = ()
    seed: int = 0
    dtype: str = "float64"
    design: Design = "default"
    workers: int = 0


@dataclass(frozen=True)
class Plan:
    """What will be run."""

    tasks: list[Task | ProofTask]
    setting: Setting
    possible: int
    claims: list[registry.Claim]
    notes: list[str]

    @property
    def results(self) -> int:
        """How many results there will be."""
        return sum(len(task.slugs) if isinstance(task, ProofTask) else 1 for task in self.tasks)


def is_path(name: str) -> bool:
    """Whether a target's name means a file."""
    return name not in NAMED and (Path(name).suffix != "" or os.sep in name)


def _targets(request: Request) -> tuple[dict[str, GaussianMixture], list[str]]:
    """The targets by name, and warnings about them in words."""
    names = list(request.targets) or [n for n in NAMED if request.design != "quick" or n not in SLOW_TARGETS]
    made: dict[str, GaussianMixture] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FloorWarning)
        for name in names:
            if is_path(name):
                short = Path(name).name  # the whole path only where two files have the same name
                made[name if short in made else short] = load(name, request.components)
            else:
                made[name] = target(name)
    return made, [str(w.message) for w in caught if issubclass(w.category, FloorWarning)]


def plan(request: Request) -> Plan:
    """Resolve a request.  Raises `BadInput` before any work is done."""
    if request.dtype not in DTYPES:
        raise unknown("dtype", request.dtype, DTYPES)
    claims = list({c.slug: c for c in map(registry.claim, request.claims)}.values()) or list(registry.claims().values())
    schedules = {name: schedule(name) for name in request.schedules or SCHEDULES}
    for name in request.targets:
        if not is_path(name) and name not in NAMED:
            raise unknown("target", name, NAMED)
    targets, notes = _targets(request)
    wanted, dtype = {claim.slug for claim in claims}, DTYPES[request.dtype]
    agreements = [a for a in AGREEMENTS.values() if a.claim in wanted and a.limit(dtype) is not None]
    derived = [slug for slug in slugs() if slug in wanted]
    together = TOGETHER if request.design == "quick" else 1
    proofs = [
        ProofTask(tuple(derived[k : k + together]), request.design != "quick") for k in range(0, len(derived), together)
    ]
    if not agreements and not proofs:
        raise BadInput(f"claim {', '.join(request.claims)} has no agreement in {request.dtype} and no derivation")
    chosen, possible = cells(agreements, targets, schedules, request.design)
    if not chosen and not proofs:
        raise BadInput("nothing to run: the agreements of these claims apply to none of these targets and schedules")
    # wrong formulas are tried on cells of their own, the same in every run; the quick design tries one a claim
    trial_targets = {name: target(name) for name in BREAK_TARGETS}
    trial_schedules = {name: schedule(name) for name in BREAK_SCHEDULES}
    tasks: list[Task | ProofTask] = [*proofs, *(Task(cell) for cell in chosen)]
    tried: set[str] = set()
    for one in agreements:
        if one.breaks:
            cell = break_cell(one, trial_targets, trial_schedules)
            count = len(one.breaks)
            if request.design != "quick":
                tasks += [Task(cell, wrong) for wrong in range(count)]
                continue
            wrong = request.seed % count
            names = {one.claim, f"{one.breaks[wrong].name}: {one.breaks[wrong].description}"}
            if tried.isdisjoint(names):  # what several agreements share is tried once
                tasks.append(Task(cell, wrong))
                tried |= names
    setting = Setting({**trial_targets, **targets}, {**trial_schedules, **schedules}, request.seed, dtype)
    return Plan(tasks, setting, possible, claims, notes)


def failed(result: Result | Proof) -> bool:
    """Whether something that was claimed did not hold."""
    return not result.ok and not (isinstance(result, Result) and result.task.wrong is not None)


def verify(
    request: Request, on_plan: Callable[[Plan], None], on_result: Callable[[Result | Proof], None]
) -> ledger.Ledger:
    """Run a request and return its ledger."""
    workers = request.workers or os.cpu_count() or 1
    make_ready(workers)
    planned = plan(request)
    on_plan(planned)
    results: list[Result] = []
    proofs: list[Proof] = []
    for result in run(planned.tasks, planned.setting, workers):
        on_result(result)
        if isinstance(result, Proof):
            proofs.append(result)
        else:
            results.append(result)
    cells_run = [task for task in planned.tasks if isinstance(task, Task) and task.wrong is None]
    how = {
        "design": request.design,
        "seed": request.seed,
        "dtype": request.dtype,
        "targets": sorted({task.cell.target for task in cells_run}),
        "schedules": sorted({task.cell.schedule for task in cells_run}),
    }
    return ledger.build(results, proofs, planned.claims, planned.possible, how)
