"""Scores runs again, without training: those whose sheet is missing, or was made by another way of scoring.

Every run that was scored has left its generator in DIR/<study>/generators, which is all that this takes. Each sheet is
committed by itself, so it may be interrupted at any moment; the next start goes on with what is left.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from amc.config import Config, from_dict
from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.pictures.sample_gif import NAME as ROW
from amc.evaluation.pictures.sample_gif import write_real_gif, write_sample_gif
from amc.evaluation.score_sheet import REAL, STILL
from amc.evaluation.scores.headline import headline
from amc.evaluation.scores.references import references
from amc.evaluation.scores.score import score
from amc.evaluation.scores.test_judges import Judges
from amc.progress import console
from amc.training.generator_file import load_generator
from analysis.figures.picture_files import is_readable
from analysis.record.rows import SheetRow, TrialRow
from analysis.record.states import COMPLETE
from analysis.record.writing import RecordWriter


@dataclass(frozen=True)
class Scoring:
    """A study's `before` hook: when it returns, every sheet on record that can be current is, and pictures are whole.

    Attributes:
        config: of Ours; arms share its data and how they are read.
        until: `time.monotonic()` at which the study shall have ended for now; None is never.
    """

    study: str
    config: Config
    data: TrainingData
    judges: Judges
    until: float | None = None

    def __call__(self, record: RecordWriter, folder: Path) -> None:
        """Makes what is missing in the record and in `folder`, which is DIR/<study>.

        Raises:
            UserError: the record does not answer, or cannot be written.
        """
        scorer, samples = self.judges.scorer(), folder / "samples"
        scored = record.score_sheet_versions(self.study)
        current = {key for key, (by, _) in scored.items() if by == scorer}
        if not is_readable(samples / "real" / ROW):
            _drawn(samples / "real", lambda: write_real_gif(self.data, samples / "real"))
        ended = [trial for trial in record.trials(self.study) if trial.state == COMPLETE]
        self._shown(folder, [trial for trial in ended if trial.key in current])
        self._again(record, folder, ended, scorer)
        self._refer(record, ended, scorer, 0)

    def _refer(self, record: RecordWriter, ended: Sequence[TrialRow], scorer: str, coming: int) -> None:
        """Scores real and still clips, once as many runs are scored this way (`coming` of them next) as otherwise.

        A table is by the scorer of the most runs: until then it needs the references that it has.
        """
        scored = record.score_sheet_versions(self.study)
        runs = [scored[trial.key][0] == scorer for trial in ended if trial.key in scored]
        done = all(key in scored and scored[key][0] == scorer for key in (REAL, STILL))
        if done or sum(runs) + coming < len(runs) - sum(runs) or self._late():
            return
        with console("scoring real clips", "pass") as progress:
            progress(0, 1)
            for key, sheet in references(self.config, self.data, self.judges).items():
                record.put_score_sheet(SheetRow(self.study, key, scorer, time.time(), sheet.to_dict()))
            progress(1, 1)

    def _shown(self, folder: Path, trials: Sequence[TrialRow]) -> None:
        """Makes moving clips again that a full disk or a kill left broken, where the run's generator is there."""
        for trial in trials:
            path = folder / "samples" / trial.key / ROW
            if not path.exists() or is_readable(path) or self._late():
                continue
            try:
                generator, config = kept(folder, trial)
            except UserError as error:
                print(f"{path} cannot be read, nor made again: {error}", file=sys.stderr)
                continue
            _drawn(path.parent, partial(write_sample_gif, generator, config, self.data, path.parent))

    def _late(self) -> bool:
        return self.until is not None and time.monotonic() > self.until

    def _again(self, record: RecordWriter, folder: Path, ended: Sequence[TrialRow], scorer: str) -> None:
        scored = record.score_sheet_versions(self.study)
        trials = [trial for trial in ended if trial.key not in scored or scored[trial.key][0] != scorer]
        kept_scores = []
        with console("scoring again", "run") as progress:
            for done, trial in enumerate(trials):
                if self._late():
                    return
                progress(done, len(trials), trial.key)
                try:
                    generator, config = kept(folder, trial)
                except UserError as error:
                    kept_scores.append(str(error))
                    continue
                sheet = score(generator, config, self.data, self.judges)
                # Pictures first: a run whose sheet is current is not looked at again.
                samples = folder / "samples" / trial.key
                if not is_readable(samples / ROW):
                    _drawn(samples, partial(write_sample_gif, generator, config, self.data, samples))
                self._refer(record, ended, scorer, 1)
                record.put_score_sheet(
                    SheetRow(self.study, trial.key, scorer, time.time(), sheet.to_dict()), headline(sheet)
                )
            if trials:
                progress(len(trials), len(trials))
        if kept_scores:
            print(f"{len(kept_scores)} of {len(trials)} runs keep their old scores: {kept_scores[0]}", file=sys.stderr)


def _drawn(folder: Path, draw: Callable[[], None]) -> None:
    """Pictures are not worth a study's end."""
    try:
        draw()
    except OSError as error:
        print(f"{folder} cannot be written ({error.strerror}): its moving clips are missing", file=sys.stderr)


def kept(folder: Path, trial: TrialRow) -> tuple[nn.Module, Config]:
    """The generator that a run left in DIR/<study>, which is `folder`, and its configuration.

    Raises:
        UserError: it is missing, broken, or another run's.
    """
    path = folder / "generators" / f"{trial.key}.safetensors"
    if not path.is_file():
        raise UserError(f"there is no generator {path}")
    generator, config = load_generator(path, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    if config != from_dict(trial.config):
        raise UserError(f"{path} is the generator of another run")
    return generator, config
