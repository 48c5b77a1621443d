"""Scores completed runs again, without training, if their score sheet is missing or was made by other judges.

A scored run leaves its generator in DIR/<study>/generators, and nothing else is needed. Each sheet is committed
separately, so an interruption loses at most one; rerun the command to score the rest.
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

from amc.config import Config, SplitConfig
from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.pictures.sample_gif import NAME as ROW
from amc.evaluation.pictures.sample_gif import write_real_gif, write_sample_gif
from amc.evaluation.score_sheet import LAST_SEEN, REAL, STILL
from amc.evaluation.scores.headline import headline
from amc.evaluation.scores.references import references
from amc.evaluation.scores.score import score
from amc.evaluation.scores.test_judges import Judges
from amc.methods import load_config
from amc.progress import console
from amc.training.generator_file import load_generator
from analysis.figures.picture_files import is_readable
from analysis.record.rows import SheetRow, TrialRow
from analysis.record.states import COMPLETE
from analysis.record.writing import RecordWriter


@dataclass(frozen=True)
class Scoring:
    """The hook `Study.before_trials`: brings score sheets up to date, and redraws sample GIFs that are broken.

    With folds over subjects, each fold has its own: its judges score the runs that are tested on it.

    Attributes:
        study: name of the study.
        config: of Ours, which has the same data as all arms; runs with another split are left alone.
        until: `time.monotonic()` at which the time budget ends; None without one.
        last_seen: also score clips that repeat the last frame that a method may see.
    """

    study: str
    config: Config
    data: TrainingData
    judges: Judges
    until: float | None = None
    last_seen: bool = False

    def __call__(self, record: RecordWriter, folder: Path) -> None:
        """Adds what is missing in the record and in `folder`, which is DIR/<study>.

        Raises:
            UserError: The record cannot be read or written.
        """
        scorer, samples = self.judges.scorer(), folder / "samples"
        scored = record.score_sheet_versions(self.study)
        current = {key for key, (by, _) in scored.items() if by == scorer}
        if self.config.split.fold == 0 and not is_readable(samples / "real" / ROW):
            _draw(samples / "real", lambda: write_real_gif(self.data, samples / "real"))
        ended = [trial for trial in record.trials(self.study) if trial.state == COMPLETE and self._has_split(trial)]
        self._redraw(folder, [trial for trial in ended if trial.key in current])
        self._rescore(record, folder, ended, scorer)
        self._score_references(record, ended, scorer, 0)

    def _score_references(self, record: RecordWriter, ended: Sequence[TrialRow], scorer: str, coming: int) -> None:
        """Scores real and still clips, as soon as at least half of the runs are scored by this scorer.

        Tables use the scorer of most runs, so until then they need the references of the old one.

        Args:
            coming: runs that are about to be scored by this scorer.
        """
        scored = record.score_sheet_versions(self.study)
        runs = [scored[trial.key][0] == scorer for trial in ended if trial.key in scored]
        keys = {
            key: reference_key(key, self.config.split)
            for key in (REAL, STILL, *((LAST_SEEN,) if self.last_seen else ()))
        }
        done = all(key in scored and scored[key][0] == scorer for key in keys.values())
        if done or sum(runs) + coming < len(runs) - sum(runs) or self._late():
            return
        with console("scoring real clips", "pass") as progress:
            progress(0, 1)
            for key, sheet in references(self.config, self.data, self.judges, last_seen=self.last_seen).items():
                record.put_score_sheet(SheetRow(self.study, keys[key], scorer, time.time(), sheet.to_dict()))
            progress(1, 1)

    def _redraw(self, folder: Path, trials: Sequence[TrialRow]) -> None:
        """Redraws sample GIFs that a full disk or a kill left broken, if the run's generator is available."""
        for trial in trials:
            path = folder / "samples" / trial.key / ROW
            if not path.exists() or is_readable(path) or self._late():
                continue
            try:
                generator, config = load_run(folder, trial)
            except UserError as error:
                print(f"{path} cannot be read or redrawn: {error}", file=sys.stderr)
                continue
            _draw(path.parent, partial(write_sample_gif, generator, config, self.data, path.parent))

    def _has_split(self, trial: TrialRow) -> bool:
        return load_config(trial.config).split == self.config.split

    def _late(self) -> bool:
        return self.until is not None and time.monotonic() > self.until

    def _rescore(self, record: RecordWriter, folder: Path, ended: Sequence[TrialRow], scorer: str) -> None:
        scored = record.score_sheet_versions(self.study)
        trials = [trial for trial in ended if trial.key not in scored or scored[trial.key][0] != scorer]
        failures = []
        with console("scoring again", "run") as progress:
            for done, trial in enumerate(trials):
                if self._late():
                    return
                progress(done, len(trials), trial.key)
                try:
                    generator, config = load_run(folder, trial)
                    sheet = score(generator, config, self.data, self.judges)
                except UserError as error:
                    failures.append(str(error))
                    continue
                # Pictures first: a run whose sheet is current is not visited again.
                samples = folder / "samples" / trial.key
                if not is_readable(samples / ROW):
                    _draw(samples, partial(write_sample_gif, generator, config, self.data, samples))
                self._score_references(record, ended, scorer, 1)
                record.put_score_sheet(
                    SheetRow(self.study, trial.key, scorer, time.time(), sheet.to_dict()), headline(sheet)
                )
            if trials:
                progress(len(trials), len(trials))
        if failures:
            print(f"{len(failures)} of {len(trials)} runs keep their old scores: {failures[0]}", file=sys.stderr)


def reference_key(key: str, split: SplitConfig) -> str:
    """The key of a reference sheet: with folds over subjects, each fold has one."""
    return f"{key}:{split.fold}" if split.folds else key


def _draw(folder: Path, draw: Callable[[], None]) -> None:
    """Draws pictures; a failure is reported but does not end the study."""
    try:
        draw()
    except OSError as error:
        print(f"{folder} cannot be written ({error.strerror}): its sample GIF is missing", file=sys.stderr)


def load_run(folder: Path, trial: TrialRow) -> tuple[nn.Module, Config]:
    """The generator of a run in `folder`, which is DIR/<study>, and its configuration.

    Raises:
        UserError: The generator file is missing, broken, or belongs to another run.
    """
    path = folder / "generators" / f"{trial.key}.safetensors"
    if not path.is_file():
        raise UserError(f"no generator file {path}")
    generator, config = load_generator(path, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    if config != load_config(trial.config):
        raise UserError(f"{path} belongs to another run")
    return generator, config
