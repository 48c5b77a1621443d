"""Search spaces, samplers, pruners, objectives, constraints and warm starts."""
