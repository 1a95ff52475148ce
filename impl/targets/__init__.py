"""Targets: laws of clean data under which everything about x_t is known exactly."""

from concordant.impl.targets.dataset import FiniteDataset
from concordant.impl.targets.marginal import Marginal
from concordant.impl.targets.mixture import Gaussian, GaussianMixture, Product
from concordant.impl.targets.named import NAMED, target
from concordant.impl.targets.reverse import Reverse

__all__ = ["NAMED", "FiniteDataset", "Gaussian", "GaussianMixture", "Marginal", "Product", "Reverse", "target"]
