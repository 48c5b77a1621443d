"""Scoring a run on the test split: what is measured of its generated clips, clip by clip."""
