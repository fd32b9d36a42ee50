"""Training: recipes, data, the training step, and the run around it."""
