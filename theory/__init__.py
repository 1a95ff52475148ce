"""What is claimed, and why: the registry of claims, and in time their derivations."""
