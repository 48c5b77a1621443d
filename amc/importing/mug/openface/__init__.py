"""OpenFace: running it, reading its tables, and matching their rows to frames."""
