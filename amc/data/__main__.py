"""`python -m amc.data`: runs the command line of `amc/cli/data.py`."""

import runpy

runpy.run_module("amc.cli.data", run_name="__main__", alter_sys=True)
