"""Running cells, in this process or over several workers, one thread each."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import forkserver, get_all_start_methods, get_context
from multiprocessing.context import BaseContext

import torch

from concordant.impl.schedules import Schedule
from concordant.impl.targets import GaussianMixture
from concordant.proofs_tests.agreements import AGREEMENTS
from concordant.proofs_tests.case import Case
from concordant.proofs_tests.covering import Cell
from concordant.proofs_tests.proof import Proof

#: For the C library's allocator, read when a worker starts: keep freed memory, since large arrays come and go all the time.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "2000000000", "MALLOC_TRIM_THRESHOLD_": "4000000000"}


@dataclass(frozen=True)
class Task:
    """A cell to run; `wrong` is the number of the agreement's wrong formula to put in, or None."""

    cell: Cell
    wrong: int | None = None


@dataclass(frozen=True)
class ProofTask:
    """Claims to derive, replay and alter; `thorough` alters the statements in every way."""

    slugs: tuple[str, ...]
    thorough: bool = True


@dataclass(frozen=True)
class Result:
    """What running a task came to.  `error` is set where the agreement raised instead of comparing."""

    task: Task
    tolerance: float
    discrepancy: float
    left: float
    right: float
    at: str
    seconds: float
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the comparison is within tolerance (NaN is not)."""
        return not self.error and self.discrepancy <= self.tolerance


@dataclass(frozen=True)
class Setting:
    """What all tasks of a run share."""

    targets: Mapping[str, GaussianMixture]
    schedules: Mapping[str, Schedule]
    seed: int
    dtype: torch.dtype


_setting: Setting | None = None


def _start(setting: Setting) -> None:
    """Make a worker ready: one thread, and interruptions left to the parent."""
    global _setting
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _setting = setting


def _in_worker(task: Task | ProofTask) -> Sequence[Result | Proof]:
    assert _setting is not None
    return perform(task, _setting)


def perform(task: Task | ProofTask, setting: Setting) -> Sequence[Result | Proof]:
    """Run a task here and now."""
    if isinstance(task, Task):
        return [run_one(task, setting)]
    from concordant.proofs_tests.prove import prove_all  # sympy is loaded by those who prove

    return prove_all(task.slugs, task.thorough)


def run_one(task: Task, setting: Setting) -> Result:
    """Run a cell here and now."""
    cell = task.cell
    agreement = AGREEMENTS[cell.agreement]
    case = Case(
        cell.target, setting.targets[cell.target], setting.schedules[cell.schedule], setting.seed, setting.dtype
    )
    limit = agreement.limit(setting.dtype)
    assert limit is not None
    began = time.perf_counter()
    try:
        if task.wrong is None:
            outcome = agreement.run(case)
        else:
            with agreement.breaks[task.wrong].applied():
                outcome = agreement.run(case)
    except Exception as error:  # an agreement that raises has failed: it is reported, and the others go on
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        nan = float("nan")
        return Result(task, limit, nan, nan, nan, "", time.perf_counter() - began, said)
    seconds = time.perf_counter() - began
    return Result(task, limit, outcome.discrepancy, outcome.left, outcome.right, outcome.at, seconds)


def _context() -> BaseContext:
    """Workers that are forked from one process that has imported all, where there are such; never from this one, whose threads
    they would lose."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__, "concordant.proofs_tests.prove"])
    return context


def make_ready(workers: int) -> None:
    """Let the process that workers are forked from import what they need, while others plan."""
    if workers > 1 and "forkserver" in get_all_start_methods():
        for name, value in ALLOCATOR.items():
            os.environ.setdefault(name, value)
        _context()
        forkserver.ensure_running()


def run(tasks: Sequence[Task | ProofTask], setting: Setting, workers: int) -> Iterator[Result | Proof]:
    """Results as they come.  Closing the iterator, or an interruption, stops the workers at once."""
    if workers <= 1:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            for task in tasks:
                yield from perform(task, setting)
        finally:
            torch.set_num_threads(threads)
        return
    make_ready(workers)
    pool = ProcessPoolExecutor(workers, _context(), _start, (setting,))
    try:
        for future in as_completed([pool.submit(_in_worker, task) for task in tasks]):
            yield from future.result()
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
