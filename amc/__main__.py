"""`python -m amc`: describe, train, evaluate and use one model, without Ray and MLflow."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from amc.program import importing, protect_streams

with importing():
    from amc.cli import command, describe
    from amc.cli import evaluate as evaluate_command
    from amc.cli import generate as generate_command
    from amc.cli import selftest as selftest_command
    from amc.cli import train as train_command

# The module of each subcommand, and one sentence about it for --help.
COMMANDS = {
    "describe": (describe, "print each network's parameters and the cost of a training step"),
    "train": (train_command, "train one model, score it, and write result.json and pictures"),
    "evaluate": (evaluate_command, "score a trained model on the validation or test split"),
    "generate": (generate_command, "generate videos from one image with a trained model"),
    "selftest": (selftest_command, "check the training step on this machine; exits with 3 on failure"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand and returns its exit code."""
    parser = command.Parser(prog="python -m amc", description="AMC-GAN: video from one image and a motion condition.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, about) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
        module.add_arguments(subparser)
    return command.run_parsed(parser, arguments)


if __name__ == "__main__":
    protect_streams()
    sys.exit(main())
