"""The training step: losses, optimiser, state, and training in several processes."""

__all__ = ["losses", "ranks", "state", "step", "teacher", "trainer"]
