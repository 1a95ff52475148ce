"""The kernel: statements in symbolic dimension, the few rules by which one follows from another, and what they assume."""
