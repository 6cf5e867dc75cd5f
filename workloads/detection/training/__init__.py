"""Training a detector: settings, batches, steps, evaluation, checkpoints, several devices."""
