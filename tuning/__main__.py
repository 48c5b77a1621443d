"""`python -m tuning`; see `tuning.cli.studies`."""

from __future__ import annotations

import sys

from amc.program import importing, protect_streams

with importing():
    from tuning.cli.studies import main

if __name__ == "__main__":
    protect_streams()
    sys.exit(main())
