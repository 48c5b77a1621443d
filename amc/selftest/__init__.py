"""Checks of the training step on this machine, for `python -m amc selftest`.

check_result.py    the result of a check, and the table of results
setting.py         what is checked: preset, device, batches
compare.py         losses and gradients of two steps, and their differences
equality.py        production against `amc/reference`
determinism.py, precision.py, compilation.py, graphs.py, cost.py    further checks
rerun.py           a recorder for CUDA graphs that works without CUDA
memory.py          peak memory, measured in a process of its own
"""
