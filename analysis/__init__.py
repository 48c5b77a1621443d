"""Results of studies: the record, statistics, tables, figures and the report. Needs neither Ray nor torch.

`open_study` is for notebooks. Each package imports only those below it:

- `report`: one HTML page per study; `data_frames`: a study as pandas DataFrames.
- `figures`: SVG and PNG.
- `tables`: Table 4 and the others, as Markdown, LaTeX, CSV and JSON.
- `scores`: what a study measured, and means with their intervals.
- `statistics`: intervals, tests, effect sizes, power.
- `record`: the database of a study.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.data_frames import StudyData


def open_study(address: str | Path, study: str | None = None) -> StudyData:
    """Reads a study into pandas DataFrames; the record may be that of a running study, and is never changed.

    Args:
        address: folder of the study, its `record.db`, or the SQLAlchemy URL of a record.
        study: name of the study; needed only for a record of several studies.

    Raises:
        UserError: there is no such record or study, or the record cannot be read.
    """
    from analysis import data_frames  # pandas takes half a second to import, and every command imports this package

    return data_frames.read_study(address, study)
