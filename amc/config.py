"""The configuration of a training run as frozen dataclasses.

`natops()` and `mug()` return the complete configuration of the paper, including Table B, at a preset. Presets and data
sets are entries of the tables `PRESETS` and `DATASETS`. `with_overrides` changes fields by their dotted names, which
are also the names of parameters in a search space.

Letters are those of the paper: T frames, H = W = size pixels, c classes, k keypoints, q = c + 2k, p values of noise.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from amc.dotted_fields import flattened, replaced
from amc.errors import UserError


def check_choices(node: Any) -> None:
    """Raises a UserError if a field of type `Literal` does not have one of its values."""
    for name, hint in get_type_hints(type(node)).items():
        if get_origin(hint) is Literal and getattr(node, name) not in get_args(hint):
            known = ", ".join(map(str, get_args(hint)))
            raise UserError(f"setting {name!r} is {getattr(node, name)!r}: choose one of {known}")


def check_range(node: Any, name: str, low: float, high: float) -> None:
    """Raises a UserError if a field is outside [low, high]."""
    value = getattr(node, name)
    if not low <= value <= high:
        most = f" and at most {high}" if high < math.inf else ""
        raise UserError(f"setting {name!r} is {value!r}: it must be at least {low}{most}")


@dataclass(frozen=True)
class DatasetSpec:
    """Name, number of classes and number of keypoints of a data set (section 3.1 and appendix B.1)."""

    name: str
    classes: int  # c
    keypoints: int  # k


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of all networks; `PRESETS` and `DATASETS` give their values. At width 1 they are those of Appendix A."""

    size: int  # H = W in pixels
    frames: int  # T
    noise: int  # p
    width: float  # factor on the number of channels of the generator and the discriminators
    classifier_width: float  # the same for the motion classifier
    discarded_frames: int = 4  # R15: first frames of a clip that the classifier does not see, x_1 among them

    def __post_init__(self) -> None:
        check_range(self, "discarded_frames", 1, math.inf)  # generated clips have no x_1

    def channels(self, paper: int) -> int:
        """Number of channels of a layer that has `paper` channels in Appendix A; at least 4."""
        return paper if self.width == 1 else max(4, round(paper * self.width))


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses (Table B); `DATASETS` gives their values for each data set."""

    gan: float  # L_gan
    rank: float  # L_rank
    ce: float  # L_CE
    mse: float  # L_MSE
    l1: float  # |x - x^|_1
    gram: float  # sum of d_j(x|y, x^|y)


@dataclass(frozen=True)
class RowWeights:
    """Weights of the rows of Table 2 in L_D (Alg. 1 line 7, R12), for both discriminators."""

    real: float = 1.0  # x|y with y
    real_mismatched: float = 0.5  # x|y with y'
    generated: float = 0.25  # x^|y with y
    generated_mismatched: float = 0.25  # x^|y' with y'

    def __post_init__(self) -> None:
        for each in fields(self):
            check_range(self, each.name, 0.0, math.inf)


@dataclass(frozen=True)
class Margins:
    """The margin rho of the ranking hinge (Eq. 3) for each discriminator (R3)."""

    appearance: float = 0.01
    motion: float = 0.001


@dataclass(frozen=True)
class Switches:
    """Components of the model, which the arms of Table 4 turn off. Read once, when networks and losses are built."""

    ya: bool = True  # the generator and Dm see the appearance condition
    ym: bool = True  # the generator and the discriminators see the motion condition
    mismatched: bool = True  # y': rows 2-3 of Table 1, rows 2 and 4 of Table 2
    da: bool = True  # the appearance discriminator
    dm: bool = True  # the motion discriminator
    ldaux: bool = True  # class and velocity losses of Dm (Eq. 7)
    lgaux: bool = True  # L1 and Gram terms (Eq. 8)
    lrank: bool = True  # perceptual ranking (Eq. 6)


@dataclass(frozen=True)
class Readings:
    """Choices where the paper is ambiguous, each a setting.

    Other choices are settings elsewhere: R3 is `Margins`, R7 `OptimizerConfig`, R12 also `RowWeights`, R15
    `ModelConfig.discarded_frames`, R17 and R18 `SplitConfig`. R10, R24 and R25 are built into the networks.
    `tests/test_readings.py` lists the tests of each.

    Raises:
        UserError: a value is not allowed for its setting.
    """

    gram: Literal["spatial", "channel"] = "spatial"  # R1: kind of the Gram matrix in Eq. 2
    gram_layers: int = 2  # R2: number of blocks of a tower used (1 or 2), after the activation
    l1_reduction: Literal["sum_frames", "mean"] = "sum_frames"  # R4: sum over frames of pixel means, or one mean
    velocity_reduction: Literal["mean", "sum"] = "mean"  # R5: over time and coordinates; "sum" is the norm as printed
    smoothing_start: float = 0.1  # R6: the real label is 1 - smoothing
    smoothing_decrement: float = 1e-5  # R6: subtracted from the smoothing after each mini-batch
    centres: int = 1  # R8: K random frame triplets per clip for Da; 0 means all
    velocity_head: Literal["own", "shared"] = "own"  # R9: own first convolution, or that of the other heads
    aux_updates_generator: bool = False  # R11: L_Daux also updates the generator
    rescale_fake_rows: bool = True  # R12: in arms with fewer fake rows, their weights still sum to the same total
    test_velocity: Literal["class", "own"] = (
        "class"  # R13: velocities of a training clip of the class, or the clip's own
    )
    heatmap_variance: float = 2**-8  # R16: of keypoint heatmaps (appendix B.4), where the frame spans [-1, 1]
    velocity_quantile: float = 0.99  # R14: quantile of |velocity| in training clips that is scaled to 1
    aux_targets: Literal["mismatched", "printed"] = "mismatched"  # R19: label of row 4 is y'l, or yl as printed
    mismatched_appearance: Literal["subject", "any"] = "subject"  # R20
    mismatched_motion: Literal["class", "any"] = "class"  # R20
    bn_rows: Literal["mixed", "per_row"] = "mixed"  # R21
    # R21: batch norm of a discriminator's tower over conditioning images by themselves, or over them and the frames
    condition_statistics: Literal["own", "shared"] = "own"
    forget_bias: float = 0.0  # initial bias of the forget gates of convLSTMs
    # R22: which T frames of a longer clip are used. `configure` sets it to the value in `DATASETS`.
    long_clips: Literal["first", "even"] = "first"
    # R23: the generator minimizes -log D (Alg. 1 line 14), or log(1 - D) (Eq. 5)
    adversarial: Literal["non_saturating", "saturating"] = "non_saturating"
    generator_scores: Literal["updated", "printed"] = "updated"  # R23: of D after its update, or before (Alg. 1 line 5)
    # R23: rows of Table 2 in D's mini-batch in the generator's update: all, or the generated ones alone. Scores of real
    # rows never count; with "mixed" these rows take part in batch norm's statistics.
    generator_rows: Literal["mixed", "generated"] = "mixed"

    def __post_init__(self) -> None:
        check_choices(self)
        if self.condition_statistics == "shared" and self.bn_rows == "per_row":
            raise UserError("setting 'condition_statistics' is 'shared': set 'bn_rows' to 'mixed', or choose 'own'")
        check_range(self, "gram_layers", 1, 2)
        check_range(self, "smoothing_start", 0.0, 1.0)
        check_range(self, "smoothing_decrement", 0.0, 1.0)
        check_range(self, "centres", 0, math.inf)
        check_range(self, "velocity_quantile", 0.0, 1.0)
        check_range(self, "heatmap_variance", 1e-6, 1.0)


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam, for the generator and the discriminators (R7)."""

    lr_generator: float = 2e-4
    lr_discriminator: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    decay_share: float = 0.0  # over this share of the steps, at the end, both rates fall linearly to 0

    def __post_init__(self) -> None:
        check_range(self, "decay_share", 0.0, 1.0)


@dataclass(frozen=True)
class TrainingConfig:
    """Batch size, length and evaluation interval of a run."""

    batch: int = 16  # clips per step
    steps: int = 60_000  # length of the run
    evaluate_every: int = 2_000  # steps between evaluations on the validation split
    average: float = 0.0  # decay of the generator's weight average used for evaluation; 0: none


@dataclass(frozen=True)
class MachineConfig:
    """How the device is used (resolved in `amc.machine.capabilities`). Affects rounding and speed only."""

    precision: Literal["auto", "fp32", "bf16"] = "fp32"  # auto: bf16 products where the device has them
    compile: Literal["auto", "on", "off"] = "off"  # auto: on CUDA
    graph: Literal["auto", "on", "off"] = "off"  # CUDA graphs; auto: on CUDA

    def __post_init__(self) -> None:
        check_choices(self)


SplitRule = Literal["subject", "random", "natops-lfdm", "natops-hcrf"]
SPLIT_RULES: tuple[str, ...] = get_args(SplitRule)  # described in `amc.data.splits.make_split`


@dataclass(frozen=True)
class SplitConfig:
    """How clips are split (R17, R18). The seed is independent of the training seed."""

    rule: SplitRule = "subject"
    seed: int = 0
    validation_share: float = 0.1  # R18: share of the non-test subjects or sources used for validation
    folds: int = 0  # number of folds that the subjects are divided into; 0: the rule's own test split
    fold: int = 0  # with folds: the one whose subjects are tested, from 0

    def __post_init__(self) -> None:
        check_choices(self)
        check_range(self, "validation_share", 0.0, 1.0)
        check_range(self, "folds", 0, math.inf)
        check_range(self, "fold", 0, math.inf)


@dataclass(frozen=True)
class MethodSettings:
    """The method, and its own hyperparameters; a method that has some has a subclass (`amc.methods.protocol.Method`).

    AMC-GAN has none here: its hyperparameters are the sections `weights`, `rows`, `margins`, `switches` and `readings`.
    """

    name: str  # as given to --method: of a method in this package, of an entry point, or package.module:NAME


AMC_GAN = MethodSettings("amc_gan")


@dataclass(frozen=True, kw_only=True)
class Config:
    """The complete configuration of a training run."""

    dataset: DatasetSpec
    preset: str
    method: MethodSettings = AMC_GAN
    model: ModelConfig
    weights: LossWeights
    rows: RowWeights = field(default_factory=RowWeights)
    margins: Margins = field(default_factory=Margins)
    switches: Switches = field(default_factory=Switches)
    readings: Readings = field(default_factory=Readings)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    machine: MachineConfig = field(default_factory=MachineConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    seed: int = 0

    @property
    def q(self) -> int:
        """Size of the motion condition: one-hot class and k velocities (section 3.1)."""
        return self.dataset.classes + 2 * self.dataset.keypoints

    def to_dict(self) -> dict[str, Any]:
        """The configuration as nested dictionaries, for JSON."""
        return dataclasses.asdict(self)

    def flat(self) -> dict[str, Any]:
        """All fields by their dotted names."""
        return dict(flattened(self.to_dict()))


@dataclass(frozen=True)
class Preset:
    """Sizes and training settings at one scale."""

    size: int
    frames: int
    classes: int | None  # number of classes of the stand-in; None for all
    clips: int | None  # number of clips of the stand-in; None for that of the paper's data set
    subjects: int | None  # number of subjects of the stand-in; None for that of the paper's data set
    width: float
    classifier_width: float
    noise: float  # factor on p
    readings: Readings
    optimizer: OptimizerConfig
    training: TrainingConfig
    machine: MachineConfig = MachineConfig()


PRESETS: Mapping[str, Preset] = {
    # Appendix A. The paper does not state the batch size and the number of steps.
    "paper": Preset(
        size=64,
        frames=32,
        classes=None,
        clips=None,
        subjects=None,
        width=1.0,
        classifier_width=1.0,
        noise=1.0,
        readings=Readings(),
        optimizer=OptimizerConfig(),
        training=TrainingConfig(),
        machine=MachineConfig(precision="auto", compile="auto", graph="auto"),
    ),
    # For two CPU cores. Departures from the paper's training, all of them here: learning rates and their decay, batch
    # and budget, an average of the generator's weights, forget gates that start open, velocities scaled so that
    # ordinary ones count.
    "compact": Preset(
        size=32,
        frames=16,
        classes=None,
        clips=4_320,
        subjects=60,
        width=0.25,
        classifier_width=0.25,
        noise=0.25,
        readings=Readings(forget_bias=1.0, velocity_quantile=0.9),
        optimizer=OptimizerConfig(lr_generator=3.4e-3, lr_discriminator=7.5e-4, beta2=0.99, decay_share=0.3),
        training=TrainingConfig(batch=8, steps=1_800, evaluate_every=200, average=0.98),
        machine=MachineConfig(precision="auto"),
    ),
    # For tests and first trials: the smallest sizes.
    "smoke": Preset(
        size=16,
        frames=8,
        classes=3,
        clips=240,
        subjects=None,
        width=1 / 16,
        classifier_width=1 / 8,
        noise=1 / 16,
        readings=Readings(forget_bias=1.0, velocity_quantile=0.9),
        optimizer=OptimizerConfig(lr_generator=2e-3, lr_discriminator=4e-4),
        training=TrainingConfig(batch=8, steps=40, evaluate_every=10, average=0.95),
    ),
}


@dataclass(frozen=True)
class DatasetDefaults:
    """Sizes of a data set, its column of Table B, and by preset the settings that differ from the preset's."""

    spec: DatasetSpec
    clips: int  # appendix B.1
    noise: int
    weights: LossWeights
    long_clips: Literal["first", "even"]  # R22
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by dotted name


DATASETS: Mapping[str, DatasetDefaults] = {
    "natops": DatasetDefaults(
        DatasetSpec("natops", classes=24, keypoints=9),
        clips=8_835,
        noise=128,
        weights=LossWeights(gan=1.0, rank=100.0, ce=0.03, mse=30.0, l1=3.0, gram=30.0),
        long_clips="first",
    ),
    "mug": DatasetDefaults(
        DatasetSpec("mug", classes=6, keypoints=11),
        clips=3_840,
        noise=96,
        weights=LossWeights(gan=3.0, rank=100.0, ce=0.3, mse=300.0, l1=0.1, gram=1.0),
        # Clips end 8 frames after the peak, so the first 16 of 32 frames show a neutral face.
        long_clips="even",
        # With Table B's 0.1 the generator paints blotches of colour over some expressions in as few steps.
        presets={"compact": {"weights.l1": 50.0}},
    ),
}


def natops(preset: str = "paper", **changes: Any) -> Config:
    """The complete configuration for NATOPS (appendix A and B) at a preset."""
    return configure("natops", preset, **changes)


def mug(preset: str = "paper", **changes: Any) -> Config:
    """The complete configuration for MUG (appendix A and B) at a preset."""
    return configure("mug", preset, **changes)


def configure(dataset: str, preset: str = "paper", *, spec: DatasetSpec | None = None, **changes: Any) -> Config:
    """The configuration of a data set at a preset.

    Args:
        dataset: a key of `DATASETS`; other names (imported folders of videos) get the loss weights of NATOPS.
        preset: a key of `PRESETS`.
        spec: classes and keypoints of a clip file; by default those of the data set, with the number of classes
            that the stand-in has at this preset.
        **changes: fields of `Config` to replace.

    Raises:
        UserError: the preset is unknown, or the data set is unknown and `spec` is not given.
    """
    scale = PRESETS.get(preset)
    if scale is None:
        raise UserError(f"unknown preset {preset!r}: choose one of {', '.join(PRESETS)}")
    defaults = DATASETS.get(dataset)
    if defaults is None:
        if spec is None:
            raise UserError(
                f"unknown data set {dataset!r}: choose one of {', '.join(DATASETS)}, or give --data FILE.h5"
            )
        defaults = DATASETS["natops"]
    if spec is None:
        spec = defaults.spec
        if scale.classes is not None:
            spec = replace(spec, classes=min(scale.classes, spec.classes))
    config = Config(
        dataset=spec,
        preset=preset,
        model=ModelConfig(
            size=scale.size,
            frames=scale.frames,
            noise=max(4, round(defaults.noise * scale.noise)),
            width=scale.width,
            classifier_width=scale.classifier_width,
        ),
        weights=defaults.weights,
        readings=replace(scale.readings, long_clips=defaults.long_clips),
        optimizer=scale.optimizer,
        training=scale.training,
        machine=scale.machine,
    )
    return replace(with_overrides(config, defaults.presets.get(preset, {})), **changes)


def with_overrides(config: Config, overrides: Mapping[str, Any]) -> Config:
    """A copy of `config` with fields changed by dotted name, such as `{"weights.rank": 10.0}`.

    Raises:
        UserError: a name is unknown, or a value does not have the field's type (an int may replace a float).
    """
    for name, value in overrides.items():
        config = replaced(config, name, value)
    return config
