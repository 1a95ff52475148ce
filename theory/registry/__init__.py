"""The registry: every claim once, with its permanent tag.

`claims.toml` beside this file is the one place where a claim's tag, slug, title, statement in words, topic, section, rows and
hypotheses stand; code names a claim by its slug only.  Tags are appended, never deleted or given again: a claim that turns
out wrong keeps its tag and says so.  `rows.csv` lists the rows of the inventory that claims cover: the statements of "The
Principles of Diffusion Models" (Lai, Song, Kim, Mitsufuji, Ermon; arXiv 2510.21890), each covered by at most one claim.

Reading the registry needs nothing but the standard library.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from concordant.errors import BadInput, nearest

Topic = Literal[
    "divergences",
    "variational",
    "score",
    "sde",
    "flow",
    "unification",
    "transport",
    "guidance",
    "solvers",
    "distillation",
    "flow_maps",
    "discrete",
    "calculus",
]
TOPICS: tuple[Topic, ...] = get_args(Topic)
Nature = Literal["claim", "definition", "rule", "assumed", "not checkable"]


@dataclass(frozen=True)
class Claim:
    """One statement.  What it earns, its status, is not here but in the ledger.

    `slogan` says it in one plain line, `statement` in words and plain symbols, `latex` the same for the page, with formulas
    between dollars; `hypotheses` what it needs beyond the definitions of its symbols, and `without`, as long, what breaks
    without each;
    `uses` the slugs of the claims that it rests on; `nature` is "claim" unless it is not the kind of thing that can be
    shown: then `reason` says why.
    """

    tag: str
    slug: str
    title: str
    statement: str
    topic: Topic
    section: str
    rows: tuple[str, ...]
    hypotheses: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    nature: Nature = "claim"
    reason: str = ""
    latex: str = ""
    slogan: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the inventory: one statement of the monograph (or beyond it)."""

    id: str
    section: str
    priority: Literal["A", "B", "C"]
    name: str


def _data(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def rows() -> Mapping[str, Row]:
    """All rows of the inventory by their id, in its order."""
    return {row["id"]: Row(**row) for row in csv.DictReader(_data("rows.csv").splitlines())}  # type: ignore[arg-type]


@cache
def claims() -> Mapping[str, Claim]:
    """All claims by slug, in the order of their tags."""
    entries: list[dict[str, Any]] = tomllib.loads(_data("claims.toml"))["claim"]
    for entry in entries:
        entry.update({name: tuple(value) for name, value in entry.items() if isinstance(value, list)})
    return {entry["slug"]: Claim(**entry) for entry in entries}


def claim(name: str) -> Claim:
    """The claim with that tag or slug.

    >>> claim("CD-0001").slug
    'common-marginals'
    >>> claim("comon-marginals")
    Traceback (most recent call last):
    concordant.errors.BadInput: unknown claim 'comon-marginals': did you mean 'common-marginals' or 'mixture-marginals' or 'paths-and-marginals'?
    """
    known = claims()
    if name in known:
        return known[name]
    for one in known.values():
        if one.tag == name.upper():
            return one
    hint = nearest(name, [c.tag for c in known.values()] if name.upper().startswith("CD-") else known)
    raise BadInput(f"unknown claim {name!r}: {hint}")


def used_by(slug: str) -> list[str]:
    """Slugs of the claims that rest directly on this one."""
    return [one.slug for one in claims().values() if slug in one.uses]


def check() -> list[str]:
    """What is wrong with the registry, in words; empty when nothing is.  A test calls this."""
    wrong: list[str] = []
    known, covered = claims(), dict[str, str]()
    tags = [one.tag for one in known.values()]
    if tags != [f"CD-{n:04d}" for n in range(1, len(tags) + 1)]:
        wrong.append("tags must count up from CD-0001 without gaps")
    if len(known) != len(tomllib.loads(_data("claims.toml"))["claim"]):
        wrong.append("a slug is there twice")
    for one in known.values():
        if one.topic not in TOPICS:
            wrong.append(f"{one.tag}: no topic {one.topic!r}")
        for row in one.rows:
            if row not in rows():
                wrong.append(f"{one.tag}: no row {row!r}")
            elif row in covered:
                wrong.append(f"row {row} is covered by {covered[row]} and {one.tag}")
            covered[row] = one.tag
        if len(one.without) != len(one.hypotheses):
            wrong.append(f"{one.tag}: `without` says what breaks without each hypothesis, in their order")
        if not one.slogan or len(one.slogan) > 100 or "\n" in one.slogan or one.slogan.rstrip(".") == one.title:
            wrong.append(f"{one.tag}: a slogan is one line of at most 100 characters, and is not the title")
        wrong += [f"{one.tag}: uses {slug!r}, which is not a claim" for slug in one.uses if slug not in known]
        if (one.nature == "claim") == bool(one.reason):
            wrong.append(f"{one.tag}: a reason is for what is not an ordinary claim, and must be given there")
    wrong += [f"{slug} rests on itself" for slug in known if _reaches(slug, slug)]
    return wrong


def _reaches(start: str, goal: str) -> bool:
    known, seen, front = claims(), set[str](), list(claims()[start].uses)
    while front:
        slug = front.pop()
        if slug == goal:
            return True
        if slug not in seen and slug in known:
            seen.add(slug)
            front += known[slug].uses
    return False
