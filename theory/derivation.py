"""Derivations: what each derived claim says, built by the kernel.

    @derivation("tweedie")
    def tweedie():
        ...
        return theorem

The function's docstring tells the idea of the proof in a sentence or two; the lines with their reasons are in the theorem.
A claim may say several things at once: then the function returns several theorems.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from concordant import theory
from concordant.theory.kernel.rules import Theorem

#: Modules of `theory` that hold no derivations.
_NOT_DERIVATIONS = {"derivation", "instances", "kernel", "registry"}

Builder = Callable[[], Theorem | tuple[Theorem, ...]]
_builders: dict[str, Builder] = {}
_notations: dict[str, dict[str, str]] = {}


@dataclass(frozen=True)
class Derivation:
    """What was derived for a claim, and the idea of the proof."""

    slug: str
    idea: str
    theorems: tuple[Theorem, ...]
    notation: Mapping[str, str] = field(default_factory=dict)


def derivation(slug: str, notation: Mapping[str, str] | None = None) -> Callable[[Builder], Builder]:
    """Register the builder of a claim's derivation, and how its names are displayed (see `kernel.notation`)."""

    def register(build: Builder) -> Builder:
        if slug in _builders and _builders[slug].__module__ != build.__module__:
            raise ValueError(f"two derivations of {slug!r}")
        if not build.__doc__:
            raise ValueError(f"the derivation of {slug!r} must say its idea")
        _builders[slug] = build
        _notations[slug] = dict(notation or {})
        return build

    return register


def slugs() -> list[str]:
    """The slugs of all claims that have a derivation."""
    for module in pkgutil.iter_modules(theory.__path__):
        if module.name not in _NOT_DERIVATIONS:
            importlib.import_module(f"{theory.__name__}.{module.name}")
    return list(_builders)


@cache
def derive(slug: str) -> Derivation | None:
    """The derivation of a claim, built now; None if it has none.  Raises `Refused` if a line does not hold."""
    if slug not in slugs():
        return None
    build = _builders[slug]
    made = build()
    assert build.__doc__ is not None
    idea, theorems = " ".join(build.__doc__.split()), made if isinstance(made, tuple) else (made,)
    return Derivation(slug, idea, theorems, _notations[slug])
