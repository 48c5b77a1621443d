"""A study that compares entries, such as arms or methods: every entry with every seed, scored by the same judges."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from ablations.merge_arms import merge_arms
from ablations.metric_checkpoints import MetricCheckpoints
from ablations.results import note_results, write_results
from ablations.scoring import Scoring
from amc.config import Config
from amc.data.training_data import split_clips
from amc.evaluation.judges.judge_cache import cache_files
from amc.evaluation.judges.standard import JUDGE
from amc.evaluation.judges.standard import classifier as motion_classifier
from amc.evaluation.keypoints.summary import over_folds
from amc.evaluation.scores.test_judges import cached_judges, has_subjects
from analysis.record.states import TRIAL
from analysis.record.writing import RecordWriter
from tuning.engine.sources import SEEDS, ListedTrials, Proposal, with_fold
from tuning.engine.study import Study
from tuning.preparation import test_judges
from tuning.preparation.folds import SplitData, judge_plan, splits_of_runs
from tuning.preparation.preparation import Preparation, build_study, study_row
from tuning.search.pruners import create_pruner


@dataclass(frozen=True)
class Entry:
    """One row of a comparison.

    Attributes:
        slug: name in keys of trials and in tables.
        config: of its runs; the seed is replaced.
        changes: settings that differ from Ours, by dotted name.
        facts: what the record says about it.
        seed_shift: added to the training seeds. With 0, they are the same as those of the other entries.
    """

    slug: str
    config: Config
    changes: Mapping[str, Any]
    facts: Mapping[str, Any]
    seed_shift: int = 0


@dataclass(frozen=True)
class Comparison:
    """What is compared.

    Attributes:
        kind: of the study.
        entries: those of this command; the record may have more.
        largest: the configuration that takes the most memory.
        settings: for the record, besides those that every comparison has.
        last_seen: also score clips that repeat the last frame that a method may see.
        new_seeds: the training seeds are none of those of a search with the same `--seed`, from which the entries may
            have their settings.
    """

    kind: str
    entries: Sequence[Entry]
    largest: Config
    settings: Mapping[str, Any] = field(default_factory=dict)
    last_seen: bool = False
    new_seeds: bool = False


def check_comparison(prepared: Preparation, checkpoints: MetricCheckpoints) -> None:
    """Checks that the runs of a comparison can be scored on these data, before anything is trained.

    Raises:
        UserError: The clips cannot be divided into folds, or measured by the metrics.
    """
    base, data = prepared.config, prepared.chosen.data
    checkpoints.check(base, data)
    for number in range(base.split.folds):
        split_clips(with_fold(base, base.split.folds, number), data.clips)


def comparison_study(prepared: Preparation, name: str, comparison: Comparison, checkpoints: MetricCheckpoints) -> Study:
    """The study, with its judges trained.

    Args:
        prepared: with the configuration of Ours, and with its first fold if the study has folds.
        name: of the study.

    Raises:
        UserError: The clips cannot be divided into folds, or not even one trial fits into memory.
    """
    base, args = prepared.config, prepared.args
    check_comparison(prepared, checkpoints)
    splits = splits_of_runs(base, prepared.chosen.data, base.split.folds, args.seeds)
    prepared.announce()
    judge = motion_classifier(base, prepared.chosen.data, JUDGE)
    prepared = prepared.packed(comparison.largest)
    row = study_row(
        prepared,
        judge,
        name=name,
        kind=comparison.kind,
        settings={
            "seeds": args.seeds,
            "arms": [dict(entry.facts) for entry in comparison.entries],
            **comparison.settings,
            "class_names": list(prepared.chosen.data.clips.info.class_names),
            **checkpoints.settings(),
        },
    )
    study = build_study(
        prepared,
        row,
        [ListedTrials(proposals(comparison.entries, args.seeds, args.seed, new_seeds=comparison.new_seeds))],
        create_pruner("none", base.training.steps, base.training.evaluate_every),
        settings=replace(prepared.settings, score_test=True, extractor=checkpoints.extractor).with_files(
            checkpoints.paths
        ),
        cached=cache_files(judge),
        merge_settings=merge_arms,
    )
    # A dry run scores nothing, so it needs no other judge.
    if args.dry_run:
        return replace(study, judges=judge_plan(splits, judge) if base.split.folds else None)
    return _with_scoring(study, splits, checkpoints, last_seen=comparison.last_seen)


def proposals(entries: Sequence[Entry], seeds: int, seed: int, *, new_seeds: bool = False) -> tuple[Proposal, ...]:
    """Every entry with every seed. Seeds are paired: the entries of one seed see the same clips and noise.

    If the configurations have folds, the runs with seed number r are tested on fold r modulo their number.

    All entries of a seed come before the next seed, so that an unfinished study already compares the entries.

    Args:
        seeds: number of seeds per entry.
        seed: of the study.
        new_seeds: see `Comparison`.
    """
    first = seed * SEEDS + (SEEDS // 2 if new_seeds else 0)
    rows = [(number, entry) for number in range(seeds) for entry in entries]
    return tuple(
        Proposal(
            key=f"{entry.slug}-seed-{number}",
            role=TRIAL,
            number=place,
            config=with_fold(
                replace(entry.config, seed=first + number + entry.seed_shift), entry.config.split.folds, number
            ),
            params={"arm": entry.slug, **entry.changes},
        )
        for place, (number, entry) in enumerate(rows)
    )


def _with_scoring(
    study: Study, splits: Sequence[SplitData], checkpoints: MetricCheckpoints, *, last_seen: bool
) -> Study:
    """The study with the judges that score its runs, and with hooks that score earlier runs and write the results."""
    if not has_subjects(splits[0].data):
        print(
            "identity kept is not measured: it needs at least two training subjects with two videos each",
            file=sys.stderr,
        )
    scorings = [replace(_scoring(study, split, checkpoints), last_seen=last_seen) for split in splits]

    def scoring(record: RecordWriter, folder: Path) -> None:
        for each in scorings:
            each(record, folder)

    def results(records: RecordWriter, folder: Path) -> None:
        write_results(records, study.row.name, folder)
        note_results(records, study.row.name)

    found = [each.judges for each in scorings]
    motion = [each.motion for each in found]
    keypoints = [each.keypoints for each in found if each.keypoints]
    about = {"keypoints": over_folds([each.about() for each in keypoints])} if keypoints else {}
    real = {"validation": fmean(m.validation_accuracy for m in motion), "test": fmean(m.test_accuracy for m in motion)}
    return replace(
        study,
        row=replace(
            study.row,
            dataset={**study.row.dataset, "real_accuracy": real},
            settings={**study.row.settings, **about},
        ),
        cached=cache_files(
            *motion,
            *(each.second for each in found),
            *(each.identity for each in found),
            *(network for each in keypoints for network in each.networks),
        ),
        before_trials=scoring,
        make_results=results,
    )


def _scoring(study: Study, split: SplitData, checkpoints: MetricCheckpoints) -> Scoring:
    """Scores the runs of one test split. Its judges are trained now, with progress, unless they are cached."""
    config, data = split.config, split.data
    motion_classifier(config, data, JUDGE)
    test_judges.train(config, data)
    judges = cached_judges(
        config,
        data,
        lpips=checkpoints.paths.get("lpips"),
        fvd=checkpoints.paths.get("fvd"),
        extractor=checkpoints.extractor,
    )
    return Scoring(study.row.name, config, data, judges, study.until)
