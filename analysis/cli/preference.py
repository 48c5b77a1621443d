"""`python -m analysis preference`: a human study of generated videos, from its design to Table 5."""

from __future__ import annotations

import argparse

from analysis.preference import create_command as create
from analysis.preference import summarize_command as summarize
from analysis.preference.server import command as serve

COMMANDS = {
    "create": (create, "make a study from trained runs or folders of videos"),
    "serve": (serve, "serve a study to its raters, or print its status"),
    "summarize": (summarize, "write Table 5, naming accuracies and agreement from the answers so far"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands with their options."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, about) in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=about))
