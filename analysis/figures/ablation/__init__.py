"""Figures of an ablation study (arms by seeds): one module per figure."""
