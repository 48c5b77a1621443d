"""`python -m tuning`; see `tuning.manage`."""

from __future__ import annotations

import sys

from tuning.manage import main

if __name__ == "__main__":
    sys.exit(main())
