"""`python -m analysis`: writes the tables or the report of a study from its record, without checkpoints."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from amc.cli.command import Parser, run_parsed
from amc.program import importing, protect_streams

with importing():
    from analysis.cli import preference, report, tables

COMMANDS = {
    "tables": (tables, "write tables as Markdown, LaTeX, CSV and JSON"),
    "report": (report, "write one HTML file that opens offline"),
    "preference": (preference, "run a human study of generated videos"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `python -m analysis` and returns its exit code: 0, 2 (wrong arguments) or 130 (interrupted)."""
    parser = Parser(prog="python -m analysis", description="Write the tables or the report of a study from its record.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, about) in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=about))
    return run_parsed(parser, argv)


if __name__ == "__main__":
    protect_streams()
    sys.exit(main())
