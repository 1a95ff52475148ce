"""Runs the site's modules outside a browser: Node where it is found, else QuickJS from PyPI."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

MODULES = Path(__file__).resolve().parents[2] / "docs" / "assets" / "js"
_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE | re.DOTALL)


def call(modules: list[str], expression: str, given: Any = None) -> Any:
    """The value of a JavaScript expression in `given`, with the exports of the modules (in the order they need) in scope.

    Skips the test where there is neither Node nor QuickJS.
    """
    source = "\n".join(_IMPORT.sub("", (MODULES / name).read_text("utf-8")) for name in modules)
    source = re.sub(r"^export ", "", source, flags=re.MULTILINE)
    script = f"{source}\nconst given = {json.dumps(given)};\nconst result = JSON.stringify({expression});\n"
    node = shutil.which("node")
    if node is not None:
        ran = subprocess.run(
            [node, "-"], input=script + "process.stdout.write(result);", capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)
    quickjs = pytest.importorskip("quickjs", reason="neither node nor quickjs is installed")
    return json.loads(quickjs.Context().eval(f"(() => {{ {script} return result; }})()"))
