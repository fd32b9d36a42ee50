"""The training step: losses, optimiser, state, several processes."""

__all__ = ["losses", "ranks", "state", "step", "teacher", "trainer"]
