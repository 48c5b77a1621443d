"""Checks of the training step on the machine at hand, for `python -m amc selftest`: one idea a file.

check_result.py what a check found, and the table of it
setting.py      what is checked: preset, device, batches
compare.py      losses and gradients of two steps, and how far apart they are
equality.py, determinism.py, precision.py, compilation.py, graphs.py, cost.py     the checks
rerun.py, memory.py    a recorder without CUDA; peak memory in a process of its own
"""
