"""All agreements, a module a topic (two where one would be long).  Importing this package registers them in `AGREEMENTS`."""

import importlib
import pkgutil

from concordant.proofs_tests.agreement import AGREEMENTS, Agreement

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["AGREEMENTS", "Agreement"]
