"""Training: recipes, objectives, data loading, checkpoints and the loop, locally or on Ray."""
