"""Evaluation of trained generators: judges, metrics, score sheets, pictures."""
