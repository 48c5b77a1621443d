"""Checks of the training step on the machine at hand, for `python -m amc selftest`: one idea a file.

row.py          what a check found, and the table of it
reference.py    the literal step of `tests/literal`, which a checkout has
setting.py      what is checked: preset, device, batches
compare.py      losses and gradients of two steps, and how far apart they are
equality.py, determinism.py, precision.py, compilation.py, graphs.py, cost.py     the checks
rerun.py, memory.py    a recorder without CUDA; peak memory in a process of its own
"""
