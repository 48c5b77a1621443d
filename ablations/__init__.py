"""Ablation studies: arms as data, run on the study engine."""
