"""`python -m tuning`; see `tuning.cli.studies`."""

from __future__ import annotations

import sys

from tuning.cli.studies import main

if __name__ == "__main__":
    sys.exit(main())
