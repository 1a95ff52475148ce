"""Build hook: for an editable install, a folder of links that gives our folders their import names.

The wheel renames `theory/` to `concordant/theory/` and so on.  An editable install can't rename, so here we make
`build/dev/concordant/` with a relative link to each room and to each file of the front door.  New files appear at
once, and type checkers, coverage and the documentation reader all resolve the real import names.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOMS = ("theory", "impl", "proofs_tests")
DOOR = "package"


def link(source: Path, at: Path) -> None:
    if sys.platform != "win32":
        at.symlink_to(os.path.relpath(source, at.parent))
    elif source.is_dir():  # a junction needs no privilege, a symbolic link does
        subprocess.run(["cmd", "/c", "mklink", "/J", str(at), str(source)], check=True, capture_output=True)
    else:
        shutil.copy2(source, at)


class Links(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version != "editable":
            return
        root = Path(self.root)
        into = root / "build" / "dev" / "concordant"
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        for source in [root / room for room in ROOMS] + sorted((root / DOOR).iterdir()):
            if source.name != "__pycache__":
                link(source, into / source.name)
