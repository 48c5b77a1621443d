"""Search spaces, samplers, pruners, objectives and constraints."""
