"""`python -m amc`: describe the networks, and train one model with neither Ray nor MLflow."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from amc import command, describe

COMMANDS = {
    "describe": (describe, "parameters of each network and the cost of a training step"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand and returns its exit code."""
    parser = command.Parser(prog="python -m amc", description="AMC-GAN: video from one image and a motion condition.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, about) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=about, description=module.__doc__)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    args = parser.parse_args(arguments)
    return command.run(lambda: int(args.run(args)))


if __name__ == "__main__":
    sys.exit(main())
