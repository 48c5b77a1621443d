"""Training of one model: the run, the loop that steps and evaluates it, checkpoints and weight averages."""
