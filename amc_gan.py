"""The command `amc-gan`: all commands of the project under one name, for an installed package.

A sub-command's module is imported when that sub-command is called, so `amc-gan --help` answers at once. In a checkout
`python -m amc_gan SUBCOMMAND` does the same.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Collection, Sequence

from amc.cli.command import Parser, run_parsed
from amc.program import importing, protect_streams

# Module with `add_arguments(parser)`, and one line of help. `amc-gan --help` lists them in this order.
COMMANDS = {
    "search": ("tuning.cli.search", "search the hyperparameters of AMC-GAN or another method"),
    "ablate": ("ablations.cli", "run the ablation arms of Table 4, or the methods of Table 3"),
    "train": ("amc.cli.train", "train one model, score it, and write result.json and pictures"),
    "evaluate": ("amc.cli.evaluate", "score a trained model on the validation or test split"),
    "generate": ("amc.cli.generate", "generate videos from one image with a trained model"),
    "describe": ("amc.cli.describe", "print each network's parameters and the cost of a training step"),
    "selftest": ("amc.cli.selftest", "check the training step on this machine; exits with 3 on failure"),
    "data": ("amc.cli.data", "make, import, inspect and preview clip files"),
    "tables": ("analysis.cli.tables", "write the tables of a study"),
    "report": ("analysis.cli.report", "write the HTML report of a study"),
    "preference": ("analysis.cli.preference", "run a human study of generated videos"),
    "studies": ("tuning.cli.studies", "list, show, watch, steer, export and delete studies"),
    "completion": ("amc_gan", "print a shell's completion script"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one sub-command and returns its exit code."""
    if argv is None:
        protect_streams()
    given = list(sys.argv[1:] if argv is None else argv)
    return run_parsed(parser(given[:1]), given)


def parser(loaded: Collection[str]) -> Parser:
    """The parser of `amc-gan`, with the options of the sub-commands in `loaded`."""
    top = Parser(prog="amc-gan", description="AMC-GAN: video from one image and a motion condition.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, about) in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
        if name in loaded:
            with importing():
                importlib.import_module(module).add_arguments(command)
    return top


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The argument of `completion`."""
    command.add_argument("shell", choices=("bash", "zsh", "fish", "tcsh"))
    command.set_defaults(run=_completion)


def _completion(args: argparse.Namespace) -> int:
    import shtab  # nothing else needs it

    print(shtab.complete(parser(COMMANDS), args.shell))
    return 0


if __name__ == "__main__":
    sys.exit(main())
