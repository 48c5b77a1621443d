"""Figures of a study, drawn from its record alone: of an ablation study (ablation/) and of a search (search/)."""
