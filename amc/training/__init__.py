"""Algorithm 1: objective, step, loop and checkpoints."""
