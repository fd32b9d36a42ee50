"""Measures a model: speed, quality, and what routing saves."""

__all__ = ["bench", "evaluate", "routes", "study", "study_report"]
