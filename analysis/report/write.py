"""Writes the report of a study as one HTML file."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from amc.atomic import atomic_write
from amc.errors import UserError
from analysis.record.reading import RecordReader
from analysis.report.ablation_page import ablation_page
from analysis.report.page import Page
from analysis.report.search_page import search_page
from analysis.scores.load_study import is_ablation

TEMPLATES = Path(__file__).with_name("templates")
NAME = "report.html"


def write_report(records: RecordReader, study: str, folder: Path, out: Path) -> Path:
    """Writes `out`/report.html, and its figures as files in `out`/figures.

    The same record and samples give the same bytes.

    Args:
        folder: folder of the study, for samples of its clips; may be missing.
        out: output folder; created if needed.

    Returns:
        Path of the report.

    Raises:
        UserError: there is no such study, or `out` cannot be written.
    """
    make = ablation_page if is_ablation(records.study(study)) else search_page
    return write_page(make(records, study, folder, out), out)


def write_page(page: Page, out: Path) -> Path:
    """Writes a page as `out`/report.html and returns its path.

    Raises:
        UserError: `out` cannot be written.
    """
    path = out / NAME
    try:
        out.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            partial.write_text(render(page), encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"cannot write the report to {out}: {error.strerror}; give another --out") from error
    return path


def render(page: Page) -> str:
    """Returns the page as HTML, with all texts escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(page=page, style=style)
