"""Command lines: `run_search.py`, `python -m tuning`, and the options they share with `run_all.py`."""
