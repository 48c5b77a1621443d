"""How each number came to be, as data: what is measured, by what, on which clips, and the readings it rests on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.record.rows import StudyRow
from analysis.report.formatting import listed, quoted
from analysis.report.page import HtmlTable, Section


@dataclass(frozen=True)
class Definition:
    """A number's definition; shown where the record has one of `keys`, or always without any."""

    term: str
    text: str
    keys: tuple[str, ...] = ()


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "Accuracy",
        "The share of generated test clips in which the motion classifier, a 3D CNN trained on real training clips and "
        "selected by real validation clips, sees the class that was asked for. It is the same classifier for every "
        "run.",
    ),
    Definition(
        "Test clips and conditions",
        "Each test clip gives its first frame and its class. The velocities are those of a training clip of that "
        "class, drawn by a seeded generator: the same clips, velocities and noise for every run (reading R13).",
    ),
    Definition(
        "Splits",
        "Training clips train; validation clips select the classifiers and, in a search, configurations; test clips "
        "are scored when a run has ended, and nothing is selected by them.",
    ),
    Definition(
        "Second classifier",
        "The same classifier trained from another seed: a check that the order of arms does not hang on one judge.",
        ("predicted_second",),
    ),
    Definition(
        "Chance, first frame repeated, real clips",
        "Chance is always naming the most frequent class. The first frame repeated as a clip shows what the classifier "
        "makes of no motion. Real test clips are the ceiling.",
    ),
    Definition(
        "PSNR and SSIM",
        "Of the generated frames against the real clip's frame by frame, with the clip's own velocities as motion "
        "condition (named the true-velocity mode), so that there is one right answer to compare with.",
        ("psnr", "ssim"),
    ),
    Definition(
        "Fr\u00e9chet and kernel distance",
        "Between the motion classifier's features of generated and of real test clips; smaller is nearer. They are not "
        "FVD, which uses another network, and depend on the number of clips, so the distance of as many real training "
        "clips, where there are so many, to the test clips stands beside them: of other subjects where the split is by "
        "subject.",
        ("frechet_distance", "kernel_distance"),
    ),
    Definition("FVD", "The Fr\u00e9chet distance on the features of the network that was given for it.", ("fvd",)),
    Definition("LPIPS", "The perceptual distance of the network that was given for it; smaller is nearer.", ("lpips",)),
    Definition(
        "Identity kept",
        "The share of generated frames in which a subject classifier names the subject whose first frame was given. It "
        "knows the training subjects alone, so it is asked about clips generated for these.",
        ("identity",),
    ),
    Definition(
        "Diversity",
        "Mean absolute difference of pixels (0 to 1) between two clips from the same first frame and class: over two "
        "draws of the noise z, and over the velocities of two training clips.",
        ("diversity_noise", "diversity_velocity"),
    ),
    Definition(
        "Motion energy",
        "Mean absolute difference of neighbouring frames (0 to 1). Real clips' stands beside it; less means clips that "
        "move less.",
        ("motion_energy",),
    ),
)

SEEDS = Definition(
    "Seeds",
    "Arms are paired by seed: one seed gives every arm the same order of data, the same mismatched conditions and "
    "the same noise. A difference is taken within seeds.",
)
CROSSED = Definition(
    "Intervals and tests",
    "Seeds and test clips are treated as crossed: all runs are scored on the same clips, so an interval has one part "
    "for seeds and one for clips, with Student's t for few seeds. A difference to Ours is taken clip by clip and seed "
    "by seed. Its p is the level at which its interval touches 0, corrected by Holm over all arms compared.",
)
OVER_SEEDS = Definition(
    "Intervals and tests",
    "This study has no scores clip by clip, so intervals are Student's t over seeds alone, and p is that of the paired "
    "t test, corrected by Holm over all arms compared. They leave out what the choice of test clips adds.",
)

READINGS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("R1", ("readings.gram",), "which way Eq. 2's Gram matrix is taken"),
    ("R3", ("margins.appearance", "margins.motion"), "margins of the two ranking triplets"),
    ("R4", ("readings.l1_reduction",), "reduction of Alg. 1's L1 term over frames"),
    ("R11", ("readings.aux_updates_generator",), "whether the discriminator's auxiliary loss moves the generator"),
    ("R12", ("readings.rescale_fake_rows",), "whether fake rows that an arm keeps are scaled to the weight of all"),
    ("R13", ("readings.test_velocity",), "where velocities come from at test"),
    ("R14", ("readings.velocity_quantile",), "quantile of training speeds that becomes 1"),
    ("R15", ("model.discarded_frames",), "first frames that never reach the classifier"),
    ("R17", ("split.rule", "split.seed"), "how clips are split"),
    ("R18", ("split.validation_share",), "share of what is not tested that is validation"),
    ("R20", ("readings.mismatched_appearance", "readings.mismatched_motion"), "where mismatched conditions come from"),
    ("R22", ("readings.long_clips",), "which frames of longer clips are taken"),
    ("R23", ("readings.adversarial", "readings.generator_scores"), "the generator's adversarial term"),
)


def definitions_section(row: StudyRow, measured: Collection[str], *, clipwise: bool | None) -> Section:
    """The definitions of what was measured.

    Args:
        measured: keys of a score sheet's numbers.
        clipwise: whether statistics cross seeds and clips; None where there are none.
    """
    terms = [(one.term, one.text) for one in DEFINITIONS if not one.keys or set(one.keys) & set(measured)]
    if clipwise is not None:
        terms.append((SEEDS.term, SEEDS.text + _apart(row)))
        statistics = CROSSED if clipwise else OVER_SEEDS
        terms.append((statistics.term, statistics.text))
    found = [(name, _values(row.config, keys), text) for name, keys, text in READINGS]
    rows = tuple((name, text, value) for name, value, text in found if value)
    head = ("reading", "what the paper leaves open", "taken here")
    grids = (
        (HtmlTable(head, rows, "Readings of the paper that these numbers rest on.", frozenset({0, 1, 2})),)
        if rows
        else ()
    )
    return Section("definitions", "How each number came to be", grids=grids, terms=tuple(terms))


def _apart(row: StudyRow) -> str:
    """A sentence on arms that have seeds of their own; empty where none has."""
    titles = [quoted(str(arm["title"])) for arm in row.settings.get("arms", ()) if arm.get("seed_shift")]
    if not titles:
        return ""
    return (
        f" Not so {listed(titles)}: {'it has' if len(titles) == 1 else 'they have'} seeds of "
        f"{'its' if len(titles) == 1 else 'their'} own and share neither order nor noise with the other arms. The "
        "first seed is held against the first of Ours, and so on, which pairs nothing but places in a list."
    )


def _values(config: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """Such as "rule = subject, seed = 0"; a value alone where it is the only one."""
    found = {}
    for key in keys:
        section, _, name = key.partition(".")
        if name in config.get(section, {}):
            found[name] = config[section][name]
    shown = {
        name: {True: "yes", False: "no"}[value] if isinstance(value, bool) else value for name, value in found.items()
    }
    if len(shown) == 1:
        return str(next(iter(shown.values())))
    return ", ".join(f"{name} = {value}" for name, value in shown.items())
