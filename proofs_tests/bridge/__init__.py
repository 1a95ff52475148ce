"""The bridge: statements of the kernel, evaluated in torch and compared with the implementation.

evaluate    any expression to numbers              witness    what a statement's symbols are, and its two sides
fields      exact fields, and arbitrary ones       check      whether its hypotheses hold there;  tame: by form alone
holds       a statement as an agreement            classify   what becomes of its mutants
"""

from concordant.proofs_tests.arbitrary import wave
from concordant.proofs_tests.bridge.check import problems, unchecked, untame
from concordant.proofs_tests.bridge.classify import Verdict, counts, verdicts
from concordant.proofs_tests.bridge.fields import Box, Setting, bump, conditional, cube, gaussian_chain, trajectory
from concordant.proofs_tests.bridge.holds import statement_holds
from concordant.proofs_tests.bridge.values import Logged, Unevaluable
from concordant.proofs_tests.bridge.witness import Said, Statement, Witness

__all__ = [
    "Box",
    "Logged",
    "Said",
    "Setting",
    "Statement",
    "Unevaluable",
    "Verdict",
    "Witness",
    "bump",
    "conditional",
    "counts",
    "cube",
    "gaussian_chain",
    "problems",
    "statement_holds",
    "trajectory",
    "unchecked",
    "untame",
    "verdicts",
    "wave",
]
