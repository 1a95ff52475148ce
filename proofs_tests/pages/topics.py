"""The topics as chapters: their names, their place in the monograph, and whether a chapter page of ours is there."""

from __future__ import annotations

from typing import NamedTuple

from concordant.theory.registry import Topic


class Chapter(NamedTuple):
    """`page` says whether docs/topics/ has a page on it."""

    name: str
    place: str
    page: bool


CHAPTERS: dict[Topic, Chapter] = {
    "divergences": Chapter("Divergences", "chapter 1", True),
    "variational": Chapter("The variational view", "chapter 2", True),
    "score": Chapter("The score-based view", "chapter 3", True),
    "sde": Chapter("Differential equations", "chapter 4", True),
    "flow": Chapter("The flow-based view", "chapter 5", True),
    "unification": Chapter("One theory", "chapter 6", True),
    "transport": Chapter("Transport", "chapter 7", False),
    "guidance": Chapter("Guidance", "chapter 8", False),
    "solvers": Chapter("Solvers", "chapter 9", True),
    "distillation": Chapter("Distillation", "chapter 10", False),
    "flow_maps": Chapter("Flow maps", "chapter 11", False),
    "discrete": Chapter("Discrete states", "beyond the monograph", False),
    "calculus": Chapter("Calculus", "appendices A to C", True),
}


def name(topic: str) -> str:
    """The name of a topic's chapter."""
    return CHAPTERS[topic].name  # type: ignore[index]
