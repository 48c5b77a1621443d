"""`python -m amc.data`: runs the command line of `amc/cli/data.py`."""

import importlib
import sys

from amc.program import importing, protect_streams

protect_streams()
with importing():
    command = importlib.import_module("amc.cli.data")  # by name, because `data` is below `cli`
sys.exit(command.main())
