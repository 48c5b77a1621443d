"""What a study's owner has done besides trials: before the first one, and with what the last one left."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from amc.errors import UserError
from analysis.record.writing import RecordWriter

Hook = Callable[[RecordWriter, Path], None]
"""Called with the study's open record and DIR/<study>."""

LOG = Path("logs", "results.log")


def failure(results: Hook, record: RecordWriter, folder: Path) -> str:
    """Carries out a study's `results`; why that failed, in one line, and empty where it did not.

    Trials are worth more than what is drawn of them: whatever goes wrong here (a full disk, say) is told, written to
    `LOG`, and changes nothing of how the study ended.
    """
    try:
        results(record, folder)
    except (UserError, OSError) as error:
        return _line(error)
    except Exception as error:
        with suppress(OSError):
            (folder / LOG).parent.mkdir(parents=True, exist_ok=True)
            with (folder / LOG).open("a", encoding="utf-8") as file:
                traceback.print_exception(error, file=file)
        return f"{_line(error)}; see {folder / LOG}"
    return ""


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"
