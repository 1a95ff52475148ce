"""The covering design, the registry, the ledger, files of data: what `concordant verify` is made of."""

from __future__ import annotations

import ast
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

import concordant
from concordant.errors import BadInput
from concordant.impl.schedules import SCHEDULES, schedule
from concordant.impl.targets import NAMED, target
from concordant.impl.targets.files import FloorWarning, fit, load, read
from concordant.proofs_tests import ledger
from concordant.proofs_tests.agreements import AGREEMENTS
from concordant.proofs_tests.covering import cells, choose
from concordant.proofs_tests.proof import Proof
from concordant.proofs_tests.run import Result, Task
from concordant.proofs_tests.verify import Request, plan
from concordant.theory import registry

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {name: target(name) for name in NAMED if name != "digits"}
CLOCKS = {name: schedule(name) for name in SCHEDULES}


# -------------------------------------------------------------------- covering
def test_the_default_design_covers_all_pairs() -> None:
    chosen, possible = cells(AGREEMENTS.values(), TARGETS, CLOCKS, "default")
    everything, total = cells(AGREEMENTS.values(), TARGETS, CLOCKS, "full")
    assert possible == total == len(everything)
    assert len(chosen) < total / 5
    for first, second in ((0, 1), (0, 2), (1, 2)):
        pairs = {(cell[first], cell[second]) for cell in chosen}
        assert pairs == {(cell[first], cell[second]) for cell in everything}


def test_the_quick_design_sees_every_agreement_target_and_schedule() -> None:
    chosen, _ = cells(AGREEMENTS.values(), TARGETS, CLOCKS, "quick")
    assert {cell.agreement for cell in chosen} == set(AGREEMENTS)
    assert {cell.target for cell in chosen} == set(TARGETS)
    assert {cell.schedule for cell in chosen} == set(CLOCKS)
    assert len(chosen) <= 2 * len(AGREEMENTS)


def test_pairs_that_do_not_apply_are_passed_over() -> None:
    pairs = [(t, s) for t, s in product("abc", "xyz") if (t, s) != ("b", "y")]
    assert choose(0, pairs, "default") == [("a", "x"), ("b", "z"), ("c", "z")]
    assert choose(5, [], "default") == []


# -------------------------------------------------------------------- the registry
def test_the_registry_is_in_order() -> None:
    assert registry.check() == []


def test_tags_are_never_taken_back() -> None:
    """The history file holds every tag ever given with its slug; it only grows."""
    history = dict(line.split() for line in (ROOT / "theory/registry/history.txt").read_text().splitlines())
    now = {claim.tag: claim.slug for claim in registry.claims().values()}
    assert history == now, "append new tags to theory/registry/history.txt; never change or remove a line"


def test_rows_of_the_inventory() -> None:
    assert len(registry.rows()) == 477
    assert registry.rows()["C3-18"].priority == "A"


def test_claims_by_tag_slug_and_use() -> None:
    assert registry.claim("cd-0006") is registry.claim("tweedie")
    assert "tweedie-second-order" in registry.used_by("tweedie")
    with pytest.raises(BadInput, match="unknown claim 'CD-9999'"):
        registry.claim("CD-9999")


def test_what_the_check_of_the_registry_finds() -> None:
    from dataclasses import replace

    good = registry.claims()
    tweedie = good["tweedie"]
    for change, message in [
        ({"topic": "cooking"}, "no topic"),
        ({"rows": ("C3-99",)}, "no row"),
        ({"rows": ("C3-18",)}, "is covered by"),
        ({"uses": ("nothing",)}, "is not a claim"),
        ({"uses": ("tweedie-second-order",)}, "rests on itself"),
        ({"tag": "CD-0400"}, "count up"),
        ({"reason": "because"}, "a reason is for"),
    ]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(registry, "claims", lambda c=change: {**good, "tweedie": replace(tweedie, **c)})
            assert any(message in line for line in registry.check()), message


def test_agreements_name_claims_that_exist() -> None:
    assert {one.claim for one in AGREEMENTS.values()} <= set(registry.claims())


# -------------------------------------------------------------------- the ledger
def result(slug: str, discrepancy: float = 0.0, wrong: int | None = None, error: str = "") -> Result:
    from concordant.proofs_tests.covering import Cell

    name = next(a.name for a in AGREEMENTS.values() if a.claim == slug)
    return Result(Task(Cell(name, "ring", "ve"), wrong), 1e-10, discrepancy, 1.0, 1.0, "", 0.1, error)


def test_a_status_is_earned() -> None:
    claim, rule = registry.claim("tweedie"), registry.claim("ito-formula")
    held, failed, proof = result("tweedie"), result("tweedie", 1.0), Proof("tweedie", replayed=True)
    noticed, passed = result("tweedie", 1.0, wrong=0), result("tweedie", 0.0, wrong=0)
    assert ledger.earned(claim, [held], [noticed], None) == "evaluated"
    assert ledger.earned(claim, [held, failed], [], None) == "failed"
    assert ledger.earned(claim, [held], [passed], None) == "failed"  # a wrong formula that passed
    assert ledger.earned(claim, [held], [result("tweedie", 1.0, wrong=0, error="boom")], None) == "failed"
    assert ledger.earned(claim, [result("tweedie", error="boom")], [], None) == "failed"
    assert ledger.earned(claim, [], [], None) == "not run"
    assert ledger.earned(claim, [held], [noticed], proof) == ledger.earned(claim, [], [], proof) == "derived"
    assert ledger.earned(claim, [], [], replace(proof, instance=True)) == "instance"
    assert ledger.earned(claim, [held, failed], [noticed], proof) == "failed"
    for bad in (replace(proof, replayed=False), replace(proof, error="no"), replace(proof, survivors=("sign",))):
        assert ledger.earned(claim, [held], [noticed], bad) == "failed"
    assert ledger.earned(rule, [], [], proof) == "rule"


def test_a_claim_is_no_better_than_what_it_uses() -> None:
    status = dict.fromkeys(registry.claims(), "evaluated")
    assert set(ledger.with_uses(status).values()) == {"evaluated"}
    status["fokker-planck-any-drift"] = "failed"
    after = ledger.with_uses(status)
    assert after["fokker-planck"] == after["reverse-family"] == after["predictor-corrector"] == "failed"
    assert after["tweedie"] == "evaluated"
    status["fokker-planck-any-drift"] = "not run"
    assert ledger.with_uses(status)["fokker-planck"] == "evaluated"


def test_the_ledger_is_written_whole_and_read_back(tmp_path: Path) -> None:
    made = ledger.build([result("tweedie", math.inf)], [], [registry.claim("tweedie")], 7, {"seed": 0})
    path = tmp_path / "ledger.json"
    ledger.write(made, path)
    assert ledger.read(path) == made == json.loads(path.read_text())
    assert made["cells"] == {"run": 1, "possible": 7}
    assert made["claims"][0]["agreements"][0]["discrepancy"] == "inf"
    assert not ledger.holds(made)
    assert not ledger.stale(made)
    assert [p.name for p in tmp_path.iterdir()] == ["ledger.json"]
    with pytest.raises(TypeError):
        ledger.write({"not": object()}, path)
    assert ledger.read(path) == made
    assert [p.name for p in tmp_path.iterdir()] == ["ledger.json"]
    assert ledger.stale({**made, "sources_sha256": "0"})


def test_the_readme_quotes_the_committed_ledger() -> None:
    from concordant.proofs_tests import pages

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert pages.readme(text, ledger.read(ROOT / "docs" / "ledger.json")) == text, "run `make ledger`"


def test_versions_agree() -> None:
    version = concordant.__version__
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text()
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text()


def test_what_is_not_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text("[]")
    for name in ("a.json", "b.json", "none.json"):
        with pytest.raises(BadInput, match="is not a ledger"):
            ledger.read(tmp_path / name)


def test_the_hash_of_the_sources_covers_all_rooms_and_no_tests() -> None:
    names = set(ledger.sources())
    assert {
        "cli.py",
        "impl/schedules/base.py",
        "theory/registry/claims.toml",
        "proofs_tests/agreements/score.py",
    } <= names
    assert not any("tests/test_" in name for name in names)


# -------------------------------------------------------------------- plans
def test_plans_resolve_names_and_refuse_bad_ones() -> None:
    made = plan(Request(targets=["ring"], schedules=["ve"], claims=["CD-0006", "tweedie"]))
    assert [claim.slug for claim in made.claims] == ["tweedie"]
    assert {task.cell.target for task in made.tasks if isinstance(task, Task) and task.wrong is None} == {"ring"}
    for request, message in [
        (Request(targets=["rings"]), "unknown target 'rings': did you mean 'ring'"),
        (Request(schedules=["edn"]), "unknown schedule 'edn': did you mean 'edm'"),
        (Request(claims=["twedie"]), "unknown claim 'twedie': did you mean 'tweedie'"),
        (Request(dtype="float16"), "unknown dtype 'float16'"),
        (Request(claims=["elbo-gap"], dtype="float32"), "claim elbo-gap has no agreement in float32"),
        (Request(targets=["dirac"], claims=["elbo-gap"], schedules=["edm"]), "nothing to run"),
    ]:
        with pytest.raises(BadInput, match=message):
            plan(request)


# -------------------------------------------------------------------- files of data
@pytest.fixture
def table() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.random.default_rng(0).normal(size=(40, 3))


def test_files_are_read(tmp_path: Path, table: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    np.save(tmp_path / "a.npy", table)
    np.savez(tmp_path / "b.npz", table)
    np.savetxt(tmp_path / "c.csv", table, delimiter=",")
    (tmp_path / "d.csv").write_text(
        "x, y, z\n" + "\n".join(",".join(map(repr, map(float, row))) for row in table) + "\n\n"
    )
    np.save(tmp_path / "e.npy", (100 * table).astype(np.int32).reshape(40, 3, 1))
    for name in "a.npy", "b.npz", "c.csv", "d.csv":
        torch.testing.assert_close(read(tmp_path / name), torch.tensor(table))
    assert read(tmp_path / "e.npy").shape == (40, 3)
    np.save(tmp_path / "f.npy", table[:, 0])
    assert read(tmp_path / "f.npy").shape == (40, 1)
    mixture = load(tmp_path / "a.npy", 2)
    assert (mixture.components, mixture.covariance_type) == (2, "full")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "1,2\n3,hello\n", "must hold numbers: line 2 holds 'hello'"),
        ("a.csv", "1,2\n3\n", "line 2 has 1 columns, not 2"),
        ("a.csv", "1,x\n3,4\n", "must hold numbers: line 1 holds 'x'"),
        ("a.csv", "", "is empty"),
        ("a.csv", "x,y\n", "is empty"),
        ("a.csv", "1,nan\n3,4\n", r"must be finite: it holds nan at index \(0, 1\)"),
        ("a.csv", "1,inf\n3,4\n", "must be finite"),
        ("a.npy", "not an array", "can't be read"),
        ("a.txt", "1", "must end in one of .npy, .npz, .csv"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=message):
        read(tmp_path / name)


def test_more_bad_files(tmp_path: Path, table: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    np.save(tmp_path / "pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "two.npz", a=table, b=table)
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    np.save(tmp_path / "complex.npy", table * 1j)
    np.save(tmp_path / "number.npy", np.array(3.0))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "two.npz").read_bytes()[:100])
    (tmp_path / "nothing.npy").touch()
    (tmp_path / "folder.csv").mkdir()
    for name, message in [
        ("none.npy", "does not exist"),
        ("pickled.npy", "can't be read: Object arrays cannot be loaded"),
        ("two.npz", "must hold one array: it holds a, b"),
        ("words.npy", "must hold real numbers"),
        ("complex.npy", "must hold real numbers"),
        ("number.npy", "must hold a table: it holds one number"),
        ("cut.npz", "can't be read: File is not a zip file"),
        ("nothing.npy", "is empty"),
        ("folder.csv", "is a folder"),
    ]:
        with pytest.raises(BadInput, match=message):
            read(tmp_path / name)


def test_fitting(table: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    points = torch.tensor(table)
    assert fit(points, 10).covariance_type == "diagonal"  # too few points for full matrices
    with pytest.raises(BadInput, match="at least as many rows as components, and 2: 40 rows, 41 components"):
        fit(points, 41)
    with pytest.raises(BadInput, match="components must be at least 1"):
        fit(points, 0)
    with pytest.raises(BadInput, match="must vary: all 40 rows are the same"):
        fit(torch.ones(40, 3), 2)
    for factor in (1e200, 1e-200):
        with pytest.raises(BadInput, match=r"must be rescaled: the variance of its columns, (inf|0), is no ordinary"):
            fit(factor * points, 2)
    points[:, 1] = 4.0
    with pytest.warns(FloorWarning, match="column 1 does not vary; kept, with variance"):
        flat = fit(points, 2)
    floor = 1e-3 * float(points.var(0, correction=0).mean())
    assert float(flat.project([[0.0], [1.0], [0.0]]).spectrum.min()) == pytest.approx(floor, rel=1e-6)


def test_files_of_the_same_name_are_two_targets(
    tmp_path: Path, table: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> None:
    (tmp_path / "other").mkdir()
    paths = [str(tmp_path / "a.npy"), str(tmp_path / "other" / "a.npy")]
    for path in paths:
        np.save(path, table)
    made = plan(Request(targets=paths, claims=["tweedie"], components=2))
    assert {task.cell.target for task in made.tasks if isinstance(task, Task) and task.wrong is None} == {
        "a.npy",
        paths[1],
    }


def test_where_a_ledger_may_go(tmp_path: Path) -> None:
    made = ledger.build([result("tweedie")], [], [registry.claim("tweedie")], 1, {"seed": 0})
    (tmp_path / "link.json").symlink_to("real.json")
    ledger.write(made, tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert ledger.read(tmp_path / "real.json") == made
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="is not an ordinary file"):
        ledger.check_writable(tmp_path / "pipe")


# -------------------------------------------------------------------- the house
def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(
    ("room", "never"),
    [
        ("theory", ("torch", "concordant.impl", "concordant.proofs_tests")),
        ("impl", ("sympy", "concordant.theory", "concordant.proofs_tests")),
    ],
)
def test_rooms_do_not_reach_into_each_other(room: str, never: tuple[str, ...]) -> None:
    for path in (ROOT / room).rglob("*.py"):
        bad = [name for name in imports(path) if any(name == n or name.startswith(n + ".") for n in never)]
        assert not bad, (path, bad)


#: The replay is one file by design: it is read, and run, alone.
LONGEST = {"replay.py": 884}


def test_no_file_is_long() -> None:
    for room in ("package", "theory", "impl", "proofs_tests"):
        for path in (ROOT / room).rglob("*.py"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST.get(path.name, 500), path


def loaded(code: str) -> set[str]:
    """The heavy packages that are loaded after running `code` in a fresh process."""
    ask = f"{code}\nimport sys\nprint([m for m in ('torch', 'numpy', 'sympy', 'scipy', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    return set(ast.literal_eval(done.stdout.splitlines()[-1]))


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    assert loaded("import concordant.cli") == set()
    assert loaded("from concordant.theory import registry; registry.claims()") == set()
    assert "sympy" not in loaded("import concordant as cd; cd.target('ring').at(cd.schedule('ve'), 0.5)")


def test_the_front_door() -> None:
    for name in concordant.__all__:
        assert getattr(concordant, name) is not None
    assert "target" in dir(concordant)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        concordant.nothing  # noqa: B018
