"""A training run: loop, validation, records and images."""

__all__ = ["loop"]
