"""UniPC: a predictor of order p, and a corrector of order p + 1 that costs no call.

With r_k = (λ_k - λ_s)/h and D_k = ε̂_k - ε̂_s, both come from one linear system Σ_k a_k r_k^{n-1} = φ-terms/B(h).  Solved in full, B
cancels, and they are the exponential Adams-Bashforth and Adams-Moulton methods (`ExponentialAdams(corrector=True)`).  The paper
and its code replace the solution by a = 1/2 where there is one unknown (the predictor of p = 2, the corrector of p = 1); then
B matters, B_1 = h or B_2 = e^h - 1, and this file is that variant.  Source: Zhao et al. 2023, theorem 3.1 and section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.solvers.adams import Head, combine, linear_part
from concordant.impl.solvers.base import Known, Node, Run, Solver


@dataclass(frozen=True, repr=False)
class UniPC(Solver):
    """UniPC-p, order p + 1 with one call a step (the last step is not corrected)."""

    p: int = 2
    kind: Head = "epsilon"
    b: Literal["bh1", "bh2"] = "bh2"
    name: str = "unipc"

    source = "Zhao et al. 2023"

    def __post_init__(self) -> None:
        if not 1 <= self.p <= 4:
            raise BadInput(f"p must be 1 to 4: it is {self.p}")
        if self.b not in ("bh1", "bh2"):
            raise BadInput(f"b must be 'bh1' or 'bh2': it is {self.b!r}")
        if self.kind not in ("x0", "epsilon"):
            raise BadInput(f"kind must be 'x0' or 'epsilon': it is {self.kind!r}")

    @property
    def order(self) -> int:  # type: ignore[override]
        return self.p + 1

    @property
    def exact(self) -> int:  # type: ignore[override]
        return 0 if self.p == 2 else self.p - 1

    @property
    def memory(self) -> int:  # type: ignore[override]
        return self.p - 1

    def step(self, run: Run, i: int, x: Tensor) -> Tensor:
        s, t = run.grid[i], run.grid[i + 1]
        run.past.append(Known(s, run.ask(x, s)))
        if run.before is not None:
            before = run.grid[i - 1]
            x = self._move(run.before, before, s, run.past[-self.p - 1 :], run.past[-2])
        run.before = x
        return self._move(x, s, t, run.past[-self.p :], run.past[-1])

    def _move(self, x: Tensor, s: Node, t: Node, known: Sequence[Known], here: Known) -> Tensor:
        if len(known) != 2:
            return combine(self.kind, 0.0, x, s, t, known, None)
        (other,) = (one for one in known if one is not here)
        on_x, on_integral, _, rate = linear_part(self.kind, 0.0, s, t)
        h = t.lam - s.lam
        held = torch.expm1(rate * h) / rate
        b = h if self.b == "bh1" else held
        slope = (on_integral * b / 2 * h / (other.node.lam - s.lam)).to(x)
        return on_x.to(x) * x + (on_integral * held).to(x) * here.value + slope * (other.value - here.value)
