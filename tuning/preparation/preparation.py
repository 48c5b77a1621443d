"""Preparation of a study, shared by searches and ablations: from parsed options to a `Study` that can be run.

A command first checks its own options, then calls `prepare`, `with_base` and `announce`, trains the classifiers that
its trials need, and finally builds the study from `study_row` and `build_study`. All errors are raised before anything
of the study is created.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from amc.cli.data_options import ConfiguredData, configure_data
from amc.cli.preset import chosen_preset
from amc.config import AMC_GAN, Config
from amc.data.training_data import prepare as prepare_data
from amc.evaluation.judges.motion_classifier import TrainedClassifier
from amc.evaluation.judges.standard import JUDGE
from amc.processes import cores
from analysis.record.rows import StudyRow
from tuning.engine.machine_facts import machine_facts
from tuning.engine.sources import TrialSource
from tuning.engine.study import Study
from tuning.planning.parallel_trials import choose_resources
from tuning.preparation import checks
from tuning.preparation.versions import versions
from tuning.search.pruners import Pruner
from tuning.workers.job import TrialSettings
from tuning.workers.resources import Resources


@dataclass(frozen=True)
class Preparation:
    """What the options shared by all studies resolve to.

    Attributes:
        args: the parsed command line.
        preset: the preset, never `auto`.
        chosen: the data, and the configuration that trials start from.
        resources: what each trial may use.
        devices: number of GPUs of this machine.
        deadline: `time.monotonic()` at which the time budget ends; None without one.
        record, tracking: addresses of the record and of MLflow; None means the defaults in --out.
    """

    args: argparse.Namespace
    preset: str
    chosen: ConfiguredData
    resources: Resources
    devices: int
    deadline: float | None
    record: str | None
    tracking: str | None

    @property
    def config(self) -> Config:
        """The configuration that trials start from."""
        return self.chosen.config

    @property
    def settings(self) -> TrialSettings:
        """What every trial needs besides its configuration."""
        return TrialSettings(data=str(self.chosen.source.path.absolute()), classifier_seed=JUDGE)

    def record_address(self, study: str) -> str | Path:
        """Where the record of a study is."""
        return self.record or self.args.out / study / "record.db"

    def with_base(self, base: Config) -> Preparation:
        """The same with another base configuration, for which the data are read again: it may change their split."""
        if base == self.config:
            return self
        path = self.chosen.source.path
        return replace(self, chosen=replace(self.chosen, config=base, data=prepare_data(base, path)))

    def announce(self) -> None:
        """Prints on standard error which data the study uses."""
        print(self.chosen.source.announcement, file=sys.stderr)

    def packed(self, largest: Config) -> Preparation:
        """The same with the resources that were left open chosen by measured memory; prints the choice.

        Resources of a cluster stay as they are.

        Args:
            largest: the configuration that needs the most memory of all that trials may have.

        Raises:
            UserError: Not even one trial fits into memory.
        """
        args = self.args
        if args.address is not None:
            return self
        resources, line = choose_resources(
            self.resources,
            open_choice=args.workers is None and args.gpus_per_trial is None,
            cpus=args.cpus_per_trial,
            config=largest,
            fingerprint=self.chosen.data.clips.info.fingerprint,
            settings=self.settings,
            devices=self.devices,
        )
        if line:
            print(line, file=sys.stderr)
        return replace(self, resources=resources)


def prepare(args: argparse.Namespace, method: str = AMC_GAN.name) -> Preparation:
    """Checks the shared options and reads the data; a procedural stand-in is rendered if it is not cached yet.

    Raises:
        UserError: An option has an unusable value, or the data cannot be read.
    """
    checks.check_study(args)
    until = checks.deadline(args)
    preset = chosen_preset(args.preset)
    wanted, devices = checks.check_resources(args)
    tracking, record = checks.check_tracking(args.tracking_uri), checks.check_record(args.record)
    chosen = configure_data(args.dataset, args.data, preset, args.split_rule, method)
    return Preparation(args, preset, chosen, wanted, devices, until, record, tracking)


def study_row(
    prepared: Preparation,
    classifier: TrainedClassifier,
    *,
    name: str,
    kind: str,
    settings: Mapping[str, Any],
    dataset: Mapping[str, Any] | None = None,
    **fields: Any,
) -> StudyRow:
    """The row that describes the study in its record.

    Args:
        classifier: the motion classifier by which trials are judged.
        settings: of this kind of study; those of the resources are added.
        dataset: facts about the data, besides the shared ones.
        fields: more fields of `StudyRow`.
    """
    return StudyRow(
        name=name,
        uid="",
        kind=kind,
        preset=prepared.preset,
        seed=prepared.args.seed,
        dataset=describe_data(prepared.chosen, classifier) | dict(dataset or {}),
        config=prepared.config.to_dict(),
        settings={**settings, **_resource_settings(prepared.resources)},
        versions=versions(),
        created=0.0,
        **{"space": {}, **fields},
    )


def build_study(
    prepared: Preparation,
    row: StudyRow,
    sources: Sequence[TrialSource],
    pruner: Pruner,
    *,
    settings: TrialSettings,
    **fields: Any,
) -> Study:
    """The study, ready to run.

    Args:
        settings: of its trials.
        fields: more fields of `Study`.
    """
    return Study(
        row=row,
        sources=sources,
        pruner=pruner,
        runs=prepared.args.out,
        resources=prepared.resources,
        devices=prepared.devices,
        record=prepared.record,
        tracking=prepared.tracking,
        on_cluster=prepared.args.address is not None,
        until=prepared.deadline,
        settings=settings,
        **fields,
    )


def describe_data(chosen: ConfiguredData, classifier: TrainedClassifier) -> dict[str, Any]:
    """What the record says about a study's data."""
    clips, split = chosen.data.clips, chosen.data.split
    return {
        "name": chosen.config.dataset.name,
        "origin": clips.info.origin,
        "fingerprint": clips.info.fingerprint,
        "clips": len(clips.label),
        "classes": len(clips.info.class_names),
        "split": {
            "rule": split.rule,
            "seed": split.seed,
            "train": len(split.train),
            "validation": len(split.validation),
            "test": len(split.test),
            **({"folds": chosen.config.split.folds} if chosen.config.split.folds else {}),
            **({"left_out": len(split.left_out)} if len(split.left_out) else {}),
        },
        "reduction": clips.reduction,
        "chance": classifier.chance,
        "real_accuracy": {"validation": classifier.validation_accuracy, "test": classifier.test_accuracy},
        "classifier": classifier.key,
    }


def _resource_settings(wanted: Resources) -> dict[str, Any]:
    """Resources as the record has them; a forecast uses only studies that ran with the same ones."""
    return {
        "workers": wanted.workers,
        "cpus_per_trial": wanted.cpus,
        "gpus_per_trial": wanted.gpus,
        "machine": machine_facts(wanted.gpus) | {"cores": cores()},
    }
