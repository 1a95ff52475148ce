"""Formulas typeset at build time: KaTeX in one long-lived Node process, and a cache on disk.

Node takes about 1 ms a formula, the same KaTeX in an embedded interpreter 4 ms.  The key of the cache is a hash of the
formula, whether it is displayed, KaTeX's version and the program that calls it.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import IO, NamedTuple

from concordant.errors import BadInput

PROGRAM = Path(__file__).with_name("typeset.cjs")
BATCH = 64  # formulas on their way at once; the pipe holds their TeX


class Formula(NamedTuple):
    """TeX, and whether it stands on a line of its own."""

    tex: str
    display: bool = False


class Typesetter:
    """Formulas to HTML.  `npm` is the folder in which KaTeX was installed, `cache` a file that may not be there yet."""

    def __init__(self, npm: Path, cache: Path) -> None:
        self._katex = (npm / "node_modules" / "katex").resolve()
        try:
            self.version: str = json.loads((self._katex / "package.json").read_text(encoding="utf-8"))["version"]
        except OSError:
            raise BadInput(f"KaTeX is not in {str(npm)!r}: run `make docs`, which installs it there") from None
        self._salt = f"{self.version}\0{hashlib.sha256(PROGRAM.read_bytes()).hexdigest()}"
        cache.parent.mkdir(parents=True, exist_ok=True)
        # `mkdocs serve` builds in another thread than the one that reads the configuration
        self._cache = sqlite3.connect(cache, isolation_level=None, check_same_thread=False, timeout=60)
        self._cache.execute("PRAGMA journal_mode = WAL")
        self._cache.execute("PRAGMA synchronous = OFF")  # losing it costs a minute
        self._cache.execute("CREATE TABLE IF NOT EXISTS formula (key BLOB PRIMARY KEY, html TEXT) WITHOUT ROWID")
        self._node: subprocess.Popen[str] | None = None
        self._known: dict[Formula, str] = {}
        self.made = 0

    def _key(self, formula: Formula) -> bytes:
        return hashlib.sha256(f"{self._salt}\0{int(formula.display)}\0{formula.tex}".encode()).digest()

    def render(self, formulas: Iterable[Formula], where: str) -> dict[Formula, str]:
        """The HTML of each formula.  Raises `BadInput` for one that KaTeX refuses, naming `where` it is."""
        wanted = list(dict.fromkeys(formulas))
        unknown = [f for f in wanted if f not in self._known]
        for formula in unknown:
            row = self._cache.execute("SELECT html FROM formula WHERE key = ?", [self._key(formula)]).fetchone()
            if row:
                self._known[formula] = row[0]
        missing = [f for f in unknown if f not in self._known]
        made = [pair for i in range(0, len(missing), BATCH) for pair in self._make(missing[i : i + BATCH], where)]
        if made:
            self._cache.execute("BEGIN")
            self._cache.executemany(
                "INSERT OR REPLACE INTO formula VALUES (?, ?)", [(self._key(f), h) for f, h in made]
            )
            self._cache.execute("COMMIT")
            self._known.update(made)
            self.made += len(made)
        return {f: self._known[f] for f in wanted}

    def _make(self, formulas: list[Formula], where: str) -> list[tuple[Formula, str]]:
        into, out = self._pipes()
        for formula in formulas:
            into.write(json.dumps(formula._asdict()) + "\n")
        into.flush()
        made, wrong = [], []
        for formula in formulas:  # all answers are read, so that the next page does not get this one's
            answer = json.loads(out.readline() or '{"error": "Node ended"}')
            if "error" in answer:
                wrong.append(f"{where}: KaTeX refuses {formula.tex!r}: {answer['error']}")
            else:
                made.append((formula, answer["html"]))
        if wrong:
            raise BadInput("\n".join(wrong))
        return made

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        if self._node is None:
            node = shutil.which("node")
            if node is None:
                raise BadInput("the site needs Node (any version from 18) to typeset its formulas")
            command = [node, str(PROGRAM), str(self._katex)]
            pipe = subprocess.PIPE
            self._node = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, encoding="utf-8")
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        return self._node.stdin, self._node.stdout

    def assets(self) -> dict[str, bytes]:
        """KaTeX's style sheet, with the fonts in the one format that all browsers read."""
        css = (self._katex / "dist" / "katex.min.css").read_text(encoding="utf-8")
        for old in ("woff", "truetype"):
            css = _without(css, old)
        fonts = sorted((self._katex / "dist" / "fonts").glob("*.woff2"))
        return {"katex.css": css.encode(), **{f"fonts/{path.name}": path.read_bytes() for path in fonts}}

    def close(self) -> None:
        """End Node, keep the cache."""
        if self._node is not None:
            assert self._node.stdin is not None
            assert self._node.stdout is not None
            self._node.stdin.close()
            self._node.stdout.close()
            self._node.wait()
            self._node = None


def _without(css: str, kind: str) -> str:
    """A style sheet whose fonts are not offered in this format."""
    return re.sub(rf',url\([^)]*\) ?format\("{kind}"\)', "", css)
