"""Witnesses of the derived claims: what their symbols are, so that a statement becomes numbers.

`WITNESSES[slug]` has one factory for each theorem of the claim, in their order.  A factory's `at(case)` is the cheapest witness
that the case makes; calling it gives all.  Fields are the implementation's wherever it has them.
"""

import importlib
import pkgutil

from concordant.proofs_tests.witnesses.common import Factory, plain

WITNESSES: dict[str, tuple[Factory, ...]] = {}
for _module in pkgutil.iter_modules(__path__):
    if _module.name != "common":
        WITNESSES |= importlib.import_module(f"{__name__}.{_module.name}").WITNESSES

__all__ = ["WITNESSES", "Factory", "plain"]
