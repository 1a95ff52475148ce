"""The kernel: the part of Concordant that must be right."""
