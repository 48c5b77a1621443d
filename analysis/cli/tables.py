"""`python -m analysis tables`: the tables of a study, from its record alone."""

from __future__ import annotations

import argparse
import json
import sys

from amc.errors import UserError
from analysis.cli.study_options import add_options, open_record
from analysis.record.members import read_members
from analysis.scores.join_studies import join_studies
from analysis.scores.load_study import is_ablation, load_study
from analysis.scores.study_scores import TABLE_3
from analysis.tables.layout.formats import PLAIN, STYLES, markdown
from analysis.tables.subjects import ON_A_PAGE
from analysis.tables.write_tables import write_ablation_tables, write_methods_table, write_search_tables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tables`."""
    parser.add_argument(
        "--study",
        required=True,
        action="append",
        metavar="NAME",
        help="may be repeated to join ablation studies on the same data, or Table 3 of several data sets",
    )
    parser.add_argument(
        "--style",
        choices=STYLES,
        default=PLAIN,
        help="style of the LaTeX files. paper: Tables 3 and 4 and the table by subject (if it has at most "
        f"{ON_A_PAGE} subjects) use booktabs, siunitx and the paper's symbols, and NAME_body.tex is for \\input; "
        f"plain: no packages, and any NAME_body.tex is removed (default: {PLAIN}). ablations/run_all.py keeps the "
        "style of the files it replaces",
    )
    parser.add_argument("--json", action="store_true", help="print the first table as JSON")
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Writes the tables and prints the first one."""
    names = list(dict.fromkeys(args.study))
    joint = names[0] if len(names) == 1 else None
    members = read_members(args.runs / names[0]) if joint else []
    if members:
        args.out, names = args.out or args.runs / names[0] / "tables", members
    if len(names) > 1 and args.out is None:
        raise UserError("tables of several studies need a folder of their own: give --out")
    folder = args.out or args.runs / names[0] / "tables"
    with open_record(args, names[0]) as records:
        if is_ablation(records.study(names[0])):
            scores = [load_study(records, names[0])]
            for name in names[1:]:
                with open_record(args, name) as others:
                    scores.append(load_study(others, name))
            if len(scores) > 1 and scores[0].row.kind == TABLE_3:
                written = [write_methods_table(scores, folder, joint, args.style)]
            else:
                written = write_ablation_tables(join_studies(scores), folder, args.style)
        elif len(names) > 1:
            raise UserError(f"study {names[0]!r} is a search: give one --study")
        elif args.style != PLAIN:
            raise UserError(f"study {names[0]!r} is a search, whose table has one style: omit --style")
        else:
            written = write_search_tables(records, names[0], folder)
    print(markdown(written[0].text), file=sys.stderr if args.json else sys.stdout)
    print(f"tables: {folder.absolute()}", file=sys.stderr if args.json else sys.stdout)
    if args.json:
        print(json.dumps(written[0].content, indent=2))
    return 0
