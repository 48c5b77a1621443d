"""Section that defines each measure, and lists the readings of the paper that the study uses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from amc.config import AMC_GAN
from analysis.record.rows import StudyRow
from analysis.record.states import OURS
from analysis.report.formatting import listed, quoted
from analysis.report.page import HtmlTable, Section
from analysis.scores.study_scores import TABLE_3, entry_word, ours_word


@dataclass(frozen=True)
class Definition:
    """Definition of a measure; shown if the record has one of `keys`, or always if there are none.

    `{entry}` and `{ours}` in the text stand for the words of `entry_word` and `ours_word`.
    """

    term: str
    text: str
    keys: tuple[str, ...] = ()


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "Accuracy",
        "Share of generated test clips for which the motion classifier predicts the requested class. The classifier "
        "is a 3D CNN, trained on real training clips and selected on real validation clips, and the same for every "
        "run.",
    ),
    Definition(
        "Test clips and conditions",
        "A clip is generated from the first frame and the class of each test clip, with the velocities of a training "
        "clip of that class. Clips, velocities and noise are drawn with a fixed seed and are the same for every run "
        "(reading R13).",
    ),
    Definition(
        "Splits",
        "Models are trained on training clips. Validation clips select the classifiers and, in a search, the "
        "configuration. Test clips are scored when a run has finished; nothing is selected by them.",
    ),
    Definition(
        "Second classifier",
        "The same classifier trained with another seed, to check that the order of the {entry}s does not depend on one "
        "classifier.",
        ("predicted_second",),
    ),
    Definition(
        "Chance, first frame repeated, real clips",
        "Chance is the accuracy of always predicting the most frequent class. Clips that repeat their first frame show "
        "the classifier's accuracy without motion. Real test clips are a reference for the highest accuracy to expect.",
    ),
    Definition(
        "PSNR and SSIM",
        "Generated frames compared with the real clip, frame by frame, with the clip's own velocities as motion "
        "condition (true-velocity mode).",
        ("psnr", "ssim"),
    ),
    Definition(
        "Fr\u00e9chet and kernel distance",
        "Distance between the motion classifier's features of generated and of real test clips; lower is better. "
        "They are not FVD, which uses another network, and they depend on the number of clips. As a reference, the "
        "table shows the distance of real training clips to the test clips (of other subjects if the split is by "
        "subject).",
        ("frechet_distance", "kernel_distance"),
    ),
    Definition("FVD", "Fr\u00e9chet distance on the features of the user's I3D network; lower is better.", ("fvd",)),
    Definition("LPIPS", "Perceptual distance by the user's LPIPS network; lower is better.", ("lpips",)),
    Definition(
        "Identity kept",
        "Share of generated frames in which a subject classifier predicts the subject of the first frame. The "
        "classifier knows only training subjects, so it is applied to clips generated for these.",
        ("identity",),
    ),
    Definition(
        "Diversity",
        "Mean absolute pixel difference (0 to 1) between two clips generated from the same first frame and class: with "
        "two draws of the noise z, and with the velocities of two training clips.",
        ("diversity_noise", "diversity_velocity"),
    ),
    Definition(
        "Motion energy",
        "Mean absolute difference of consecutive frames (0 to 1). The value of real clips is the reference; lower "
        "values mean less motion.",
        ("motion_energy",),
    ),
)

SEEDS = Definition(
    "Seeds",
    "Runs are paired by seed: with the same seed, every {entry} gets the same order of clips, the same mismatched "
    "conditions and the same noise. Differences are taken within seeds.",
)
METHODS: Mapping[str, str] = {  # by term, for methods that may see several frames and no conditions
    "Test clips and conditions": (
        "A clip is generated from the first frames of each test clip, as many as the method sees. The class requested "
        "is that of the test clip. A method that uses the motion condition gets this class with the velocities of a "
        "training clip of it. Clips, velocities and noise are drawn with a fixed seed and are the same for every run "
        "that uses them (reading R13)."
    ),
    "PSNR and SSIM": (
        "Generated frames compared with the real clip, frame by frame, over the frames that no method is given. A "
        "method that uses the motion condition gets the clip's own velocities (true-velocity mode)."
    ),
    "Seeds": (
        "Runs are paired by seed: with the same seed, every method gets the same order of clips, and those that use "
        "mismatched conditions or noise get the same ones. Differences are taken within seeds."
    ),
}
CROSSED = Definition(
    "Intervals and tests",
    "All runs are scored on the same clips, so seeds and test clips are treated as crossed: an interval combines the "
    "variance between seeds, with Student's t for few seeds, and the variance between clips. It holds for the subjects "
    "tested alone. A difference to {ours} is "
    "taken clip by clip and seed by seed. Its p is the alpha at which an interval with confidence 1 - alpha would just "
    "reach 0, Holm-corrected over all {entry}s compared.",
)
FOLDS = Definition(
    "Intervals and tests",
    "The subjects are divided into folds. Each run tests one fold with its own seed, training clips and "
    "classifiers. An interval combines the variance between runs, with Student's t for few runs, and at least that "
    "between clips and between subjects, so it covers other subjects drawn like these. A difference to {ours} is "
    "taken clip by clip within a run. Its p is the alpha at which an interval with confidence 1 - alpha would just "
    "reach 0, Holm-corrected over all {entry}s compared.",
)
OVER_SEEDS = Definition(
    "Intervals and tests",
    "The record has no per-clip scores, so intervals are Student's t over seeds alone, and p is that of the paired t "
    "test, Holm-corrected over all {entry}s compared. They do not cover the variance between test clips.",
)

READINGS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("R1", ("readings.gram",), "direction of the Gram matrix in Eq. 2"),
    ("R3", ("margins.appearance", "margins.motion"), "margins of the two triplet ranking losses"),
    ("R4", ("readings.l1_reduction",), "reduction of Alg. 1's L1 term over frames"),
    ("R11", ("readings.aux_updates_generator",), "whether the discriminator's auxiliary loss updates the generator"),
    (
        "R12",
        ("readings.rescale_fake_rows",),
        "whether the fake terms that remain in an ablation are rescaled to the original total weight",
    ),
    ("R13", ("readings.test_velocity",), "source of the velocities at test time"),
    ("R14", ("readings.velocity_quantile",), "quantile of training speeds that is scaled to 1"),
    ("R15", ("model.discarded_frames",), "first frames that the classifier does not see"),
    ("R17", ("split.rule", "split.seed"), "how clips are split"),
    ("R18", ("split.validation_share",), "share of the non-test subjects or clips used for validation"),
    ("R20", ("readings.mismatched_appearance", "readings.mismatched_motion"), "source of mismatched conditions"),
    ("R22", ("readings.long_clips",), "which frames of longer clips are used"),
    (
        "R23",
        ("readings.adversarial", "readings.generator_scores", "readings.generator_rows"),
        "the generator's adversarial term, and the mini-batch that it is computed in",
    ),
)


def definitions_section(
    row: StudyRow, measured: Collection[str], *, clipwise: bool | None, folds: bool = False
) -> Section:
    """Returns the definitions of what was measured.

    Args:
        measured: names of the measures in the score sheets.
        clipwise: whether statistics treat seeds and clips as crossed; None if there are no statistics.
        folds: whether each run tests one fold of the subjects.
    """
    words = {"entry": entry_word(row), "ours": ours_word(row)}
    other = METHODS if _has_other_methods(row) else {}
    terms = [
        (one.term, other.get(one.term, one.text).format(**words))
        for one in DEFINITIONS
        if not one.keys or set(one.keys) & set(measured)
    ]
    if clipwise is not None:
        terms.append((SEEDS.term, other.get(SEEDS.term, SEEDS.text).format(**words) + _apart(row)))
        statistics = (FOLDS if folds else CROSSED) if clipwise else OVER_SEEDS
        terms.append((statistics.term, statistics.text.format(**words)))
    found = [(name, _values(row, keys), text) for name, keys, text in READINGS]
    rows = tuple((name, text, value) for name, value, text in found if value)
    head = ("reading", "what the paper leaves open", "choice")
    grids = (
        (HtmlTable(head, rows, "Readings of the paper that this study uses.", frozenset({0, 1, 2})),) if rows else ()
    )
    return Section("definitions", "Definitions", grids=grids, terms=tuple(terms))


def _has_other_methods(row: StudyRow) -> bool:
    return row.kind == TABLE_3 or row.config.get("method", {}).get("name", AMC_GAN.name) != AMC_GAN.name


def _apart(row: StudyRow) -> str:
    """A sentence on arms with their own seeds; empty if there are none."""
    apart = [arm for arm in row.settings.get("arms", ()) if arm.get("seed_shift")]
    if not apart:
        return ""
    one, titles = len(apart) == 1, listed([quoted(str(arm["title"])) for arm in apart])
    text = f" Exception: {titles} {'uses its' if one else 'use their'} own seeds and "
    text += f"{'shares' if one else 'share'} neither order nor noise with the other arms."
    control = [quoted(str(arm["title"])) for arm in apart if not arm.get("changes")]
    if control:
        text += (
            f" {listed(control)} is a control: Welch's unpaired test compares it with Ours, outside of the correction."
        )
    return text


def _values(row: StudyRow, keys: tuple[str, ...]) -> str:
    """Such as "rule = subject, seed = 0"; a single value without its name. Tuned settings are those of AMC-GAN."""
    ours: Mapping[str, Any] = next(
        (arm.get("changes", {}) for arm in row.settings.get("arms", ()) if arm["arm"] == OURS), {}
    )
    found = {}
    for key in keys:
        section, _, name = key.partition(".")
        if name in row.config.get(section, {}):
            found[name] = ours.get(key, row.config[section][name])
    shown = {
        name: {True: "yes", False: "no"}[value] if isinstance(value, bool) else value for name, value in found.items()
    }
    if len(shown) == 1:
        return str(next(iter(shown.values())))
    return ", ".join(f"{name} = {value}" for name, value in shown.items())
