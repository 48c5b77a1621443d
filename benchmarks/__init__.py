"""Measurements, as ratios within one run. Each file is a command that prints JSON with `--json`."""
