"""Keypoint tables: their format, and readers of the files of other programs."""
