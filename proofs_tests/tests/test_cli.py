"""The `concordant` command, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest


def concordant(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "concordant", *args],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
    )


def test_help_and_version() -> None:
    done = concordant("--help")
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("verify", "list", "show"))
    assert concordant("--version").stdout.startswith("concordant 0.")
    assert "--quick" in concordant("verify", "--help").stdout


def test_verify_a_table_of_ones_own(tmp_path: Path) -> None:
    """A CSV, one claim, the ledger; then the same again, which gives the same figures."""
    rng = np.random.default_rng(1)
    points = np.concatenate([rng.normal(-2, 0.5, (60, 2)), rng.normal(1, 0.3, (60, 2))])
    np.savetxt(tmp_path / "mine.csv", points, delimiter=",")
    ask = (
        "verify",
        "--target",
        "mine.csv",
        "--components",
        "2",
        "--claim",
        "tweedie",
        "--claim",
        "CD-0002",
        "--workers",
        "2",
    )
    ledgers = []
    for name in ("a.json", "b.json"):
        done = concordant(*ask, "--json", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "2 claims: 2 derived" in done.stdout
        ledgers.append(json.loads((tmp_path / name).read_text()))
    for one in ledgers:
        one.pop("created")
        for claim in one["claims"]:
            claim.pop("seconds")
            for entry in claim["agreements"]:
                entry.pop("seconds")
    assert ledgers[0] == ledgers[1]
    claim = ledgers[0]["claims"][0]
    assert claim["status"] == "derived"
    assert claim["mutants"]["refuted"] == claim["mutants"]["total"] > 0
    assert {entry["target"] for entry in claim["agreements"]} == {"mine.csv"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "b.json", "mine.csv"]


def test_verify_to_standard_output(tmp_path: Path) -> None:
    """The ledger and nothing else; what there is to say of the data goes to standard error."""
    points = np.random.default_rng(2).normal(size=(30, 2))
    points[:, 1] = 4
    np.save(tmp_path / "flat.npy", points)
    ask = ("verify", "--target", "flat.npy", "--schedule", "edm", "--claim", "ddpm-kernel", "--workers", "1")
    done = concordant(*ask, "--json", "-", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["totals"]["cells_failed"] == 0
    assert "flat.npy: column 1 does not vary; kept" in done.stderr


@pytest.mark.slow
def test_the_quick_run() -> None:
    """As a user starts it; its budget is 45 seconds on two cores, twice that on a machine that others use."""
    began = time.perf_counter()
    done = concordant("verify", "--quick")
    assert done.returncode == 0, done.stdout
    assert "0 failed" in " ".join(done.stdout.split())
    assert time.perf_counter() - began < 90


def test_what_fails_is_named_with_both_values(tmp_path: Path) -> None:
    """A tolerance that nothing meets, put in before the command starts: exit status 1, and the line says it all."""
    code = (
        "from concordant.proofs_tests import agreements, run\n"
        "from dataclasses import replace\n"
        "A = agreements.AGREEMENTS\n"
        "A['ddim-and-euler'] = replace(A['ddim-and-euler'], bound=-1.0)\n"
        "from concordant.cli import main\n"
        "main(['verify', '--claim', 'ddim-is-euler', '--target', 'ring', '--schedule', 've', '--workers', '1'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "CD-0017 ddim-and-euler: ring under ve" in said
    assert "left" in said
    assert "right" in said
    assert "1 claim: 1 failed" in said


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["verify", "--target", "rings"], "unknown target 'rings': did you mean 'ring'"),
        (["verify", "--schedule", "vp"], "unknown schedule 'vp'"),
        (["verify", "--claim", "CD-9999"], "unknown claim 'CD-9999'"),
        (["verify", "--dtype", "float16"], "unknown dtype 'float16'"),
        (["verify", "--target", "nowhere.csv"], "target file 'nowhere.csv' does not exist"),
        (["verify", "--target", "data.txt"], "target file 'data.txt' must end in one of"),
        (["verify", "--target", "few.csv", "--components", "9"], "must have at least as many rows as components"),
        (["verify", "--target", "words.csv"], "target file 'words.csv' must hold numbers: line 2 holds 'b'"),
        (["verify", "--target", "hole.csv"], "target file 'hole.csv' must be finite: it holds nan"),
        (["verify", "--target", "empty.csv"], "target file 'empty.csv' is empty"),
        (["verify", "--json", "no/such/folder/ledger.json"], "--json 'no/such/folder/ledger.json' can't be written"),
        (["verify", "--json", "."], "--json '.' is a folder, not a file"),
        (["show", "tweedi"], "unknown claim 'tweedi': did you mean 'tweedie'"),
        (["list", "scores"], "unknown topic 'scores': did you mean 'score'"),
        (["verify", "--components", "0"], "Invalid value for '--components'"),
        (["prove"], "No such command 'prove'"),
    ],
)
def test_bad_input_is_one_clear_sentence_and_status_2(tmp_path: Path, args: list[str], message: str) -> None:
    (tmp_path / "few.csv").write_text("1,2\n3,4\n5,7\n")
    (tmp_path / "words.csv").write_text("1,2\n3,b\n")
    (tmp_path / "hole.csv").write_text("1,2\n3,nan\n")
    (tmp_path / "empty.csv").write_text("")
    done = concordant(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_interruption_leaves_nothing_behind(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "concordant", "verify", "--workers", "2", "--json", "ledger.json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(12)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted; nothing was written" in said
    assert list(tmp_path.iterdir()) == []


def test_list_and_show() -> None:
    listed = json.loads(concordant("list", "--json").stdout)
    assert listed[0]["tag"] == "CD-0001"
    assert {one["topic"] for one in json.loads(concordant("list", "score", "--json").stdout)} == {"score"}
    assert "Tweedie's formula" in concordant("list").stdout
    shown = concordant("show", "CD-0006").stdout
    assert all(word in shown for word in ("Tweedie's formula", "needs", "used by", "agreement", "must refute"))
    whole = json.loads(concordant("show", "tweedie", "--json").stdout)
    assert whole["agreements"][0]["name"] == "posterior-mean-from-the-score"
    assert "tweedie-second-order" in whole["used_by"]
