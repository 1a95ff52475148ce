"""Concordant: the mathematics of diffusion models, checked.

DDPM, NCSN, score SDE and flow matching are one theory in four notations.  Here every statement of it stands with
its derivation (`concordant.theory`), its code (`concordant.impl`) and its checks (`concordant.proofs_tests`).

The names people use most can be had from here; torch is imported when the first of them is asked for:

>>> import concordant as cd
>>> target = cd.target("ring")
>>> p_t = target.at(cd.schedule("vp-linear"), 0.3)
>>> p_t.score(p_t.sample(5, seed=0)).shape
torch.Size([5, 2])
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

#: Name, and the module that it comes from.
_EXPORTS = {
    "BadInput": "concordant.errors",
    "FiniteDataset": "concordant.impl.targets",
    "Gaussian": "concordant.impl.targets",
    "GaussianMixture": "concordant.impl.targets",
    "Marginal": "concordant.impl.targets",
    "Prediction": "concordant.impl.predictions",
    "Schedule": "concordant.impl.schedules",
    "predictor": "concordant.impl.predictions",
    "schedule": "concordant.impl.schedules",
    "target": "concordant.impl.targets",
}
__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'concordant' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
