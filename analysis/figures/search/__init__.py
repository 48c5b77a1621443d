"""Figures of a hyperparameter search: one module per figure."""
