"""What a study does besides trials: before the first one, and with the results of the last one."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from amc.errors import UserError
from analysis.record.writing import RecordWriter

Hook = Callable[[RecordWriter, Path], None]
"""Called with the study's open record and DIR/STUDY."""

LOG = Path("logs", "results.log")


def run_results_hook(hook: Hook, record: RecordWriter, folder: Path) -> str:
    """Runs a study's `make_results` hook; returns the error in one line, empty on success.

    An error does not change how the study ends, because trials are worth more than their tables and figures. The
    traceback of an unexpected error goes to `LOG`.
    """
    try:
        hook(record, folder)
    except (UserError, OSError) as error:
        return _in_one_line(error)
    except Exception as error:
        with suppress(OSError):
            (folder / LOG).parent.mkdir(parents=True, exist_ok=True)
            with (folder / LOG).open("a", encoding="utf-8") as file:
                traceback.print_exception(error, file=file)
        return f"{_in_one_line(error)}; see {folder / LOG}"
    return ""


def _in_one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"
