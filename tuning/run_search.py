"""Runs a hyperparameter search; see `python tuning/run_search.py --help`.

Works uninstalled and from any folder: it sets the path and calls the package. Nothing may be defined here, since this
file is `__main__` and would be imported a second time under its own name.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    # Python put this folder first; a module of ours must not stand in for a library of the same name.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    sys.path.insert(0, str(here.parent))
    from amc.program import importing, protect_streams

    protect_streams()
    with importing():
        from tuning.cli.search import main

    sys.exit(main())
