"""Clips: clip files, splits, conditions and batches, and the facts of the data sets."""
