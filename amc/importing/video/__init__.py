"""Decoding videos frame by frame."""
