"""The options of `python -m analysis preference serve`."""

from __future__ import annotations

import argparse
from pathlib import Path

from amc.argument_types import integer
from analysis.preference.server.address import LOOPBACK, PORT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The study, where to listen, and --status."""
    parser.add_argument("folder", type=Path, metavar="STUDY", help="folder of the study, made by `create`")
    parser.add_argument("--status", action="store_true", help="print each rater's progress and exit")
    parser.add_argument(
        "--port", type=integer(0, 65535), default=PORT, help=f"port to listen on; 0: any that is free (default: {PORT})"
    )
    parser.add_argument(
        "--host", default=LOOPBACK, metavar="ADDRESS", help=f"IP address to listen on (default: {LOOPBACK})"
    )
    parser.add_argument(
        "--host-name",
        action="append",
        default=[],
        metavar="NAME",
        help="name under which raters reach the server; may be repeated (requests for other names are refused)",
    )
    parser.add_argument(
        "--public",
        action="store_true",
        help="print how to put the server behind a reverse proxy with TLS; links then start with https://NAME",
    )
    parser.add_argument(
        "--insecure", action="store_true", help="allow plain HTTP on an address that other machines can reach"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serves the study until it is stopped, or prints its status."""
    if args.status:
        from analysis.preference.server.status import status_lines

        print("\n".join(status_lines(args.folder)))
        return 0
    from analysis.preference.server.run import serve  # the web framework takes a second to import

    serve(
        args.folder,
        host=args.host,
        port=args.port,
        host_names=args.host_name,
        public=args.public,
        insecure=args.insecure,
    )
    return 0
