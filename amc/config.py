"""Everything a training run depends on, as frozen dataclasses: data set, preset, readings, weights, switches.

`natops()` and `mug()` return the paper's complete configuration (Table B included) at a preset; the presets
and the data sets are rows of the two tables below. `with_overrides` changes fields by their dotted names, which
are also the names of a search space's parameters.

Letters as in the paper: T frames, H = W = size pixels, c classes, k keypoints, q = c + 2k, p = size of the noise.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from amc.dotted_fields import flattened, replaced
from amc.errors import UserError


def _check_choices(node: Any) -> None:
    """Raises a UserError where a field of type `Literal` has none of its values."""
    for name, hint in get_type_hints(type(node)).items():
        if get_origin(hint) is Literal and getattr(node, name) not in get_args(hint):
            known = ", ".join(map(str, get_args(hint)))
            raise UserError(f"setting {name!r} is {getattr(node, name)!r}: choose one of {known}")


def _check_range(node: Any, name: str, low: float, high: float) -> None:
    """Raises a UserError where a field lies outside [low, high]."""
    value = getattr(node, name)
    if not low <= value <= high:
        most = f" and at most {high}" if high < math.inf else ""
        raise UserError(f"setting {name!r} is {value!r}: it must be at least {low}{most}")


@dataclass(frozen=True)
class DatasetSpec:
    """What a data set fixes: its name, classes and keypoints (paper, section 3.1 and appendix B.1)."""

    name: str
    classes: int  # c
    keypoints: int  # k


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of all networks. At width 1 they are Appendix A's to the letter."""

    size: int = 64  # H = W in pixels
    frames: int = 32  # T
    noise: int = 128  # p
    width: float = 1.0  # factor on every channel count of the generator and the discriminators
    classifier_width: float = 1.0  # the same for the motion classifier
    discarded_frames: int = 4  # R15: a clip's first so many frames never reach the classifier; x_1 is one of them

    def __post_init__(self) -> None:
        _check_range(self, "discarded_frames", 1, math.inf)  # a generated clip has no x_1 to show

    def channels(self, paper: int) -> int:
        """Channels of a layer that has `paper` of them in Appendix A (never below 4)."""
        return paper if self.width == 1 else max(4, round(paper * self.width))


@dataclass(frozen=True)
class LossWeights:
    """Table B."""

    gan: float = 1.0  # L_gan
    rank: float = 100.0  # L_rank
    ce: float = 0.03  # L_CE
    mse: float = 30.0  # L_MSE
    l1: float = 3.0  # |x - x^|_1
    gram: float = 30.0  # sum of d_j(x|y, x^|y)


@dataclass(frozen=True)
class RowWeights:
    """Weights of Table 2's rows in L_D (Alg. 1 line 7, R12), the same for both discriminators."""

    real: float = 1.0  # x|y with y
    real_mismatched: float = 0.5  # x|y with y'
    generated: float = 0.25  # x^|y with y
    generated_mismatched: float = 0.25  # x^|y' with y'

    def __post_init__(self) -> None:
        for each in fields(self):
            _check_range(self, each.name, 0.0, math.inf)


@dataclass(frozen=True)
class Margins:
    """The margin rho of the ranking hinge (Eq. 3), one for each discriminator (R3)."""

    appearance: float = 0.01
    motion: float = 0.001


@dataclass(frozen=True)
class Switches:
    """What is in the model; Table 4's arms turn these off. Resolved once, when networks and terms are built."""

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
    """Where the paper leaves something open: the reading taken (README, "Readings"), each of them a setting.

    R3 is `Margins`, R7 `OptimizerConfig`, R12 also `RowWeights`, R15 `ModelConfig.discarded_frames`, R17 and R18
    `SplitConfig`. R10, R24 and R25 are how the networks are built; `tests/test_readings.py` lists what holds each.

    Raises:
        UserError: a value that is none of its setting's, here as in the other groups of settings.
    """

    gram: Literal["spatial", "channel"] = "spatial"  # R1: which way the Gram matrix of Eq. 2 is taken
    gram_layers: int = 2  # R2: the first so many blocks of a tower (1 or 2), after activation
    l1_reduction: Literal["sum_frames", "mean"] = "sum_frames"  # R4: sum over t of pixel means, or one mean
    velocity_reduction: Literal["mean", "sum"] = "mean"  # R5: over time and coordinates; the sum is the norm as printed
    smoothing_start: float = 0.1  # R6: real label is 1 - smoothing
    smoothing_decrement: float = 1e-5  # R6: taken off the smoothing after every mini-batch
    centres: int = 1  # R8: K frame triplets a clip for Da, drawn at random; 0: every one
    velocity_head: Literal["own", "shared"] = "own"  # R9: its first convolution, or the other heads'
    aux_updates_generator: bool = False  # R11: L_Daux moves the generator too
    rescale_fake_rows: bool = True  # R12: an arm's fake rows keep the total weight that all of them have
    test_velocity: Literal["class", "own"] = "class"  # R13: of a training clip of the class, or the clip's own
    velocity_quantile: float = 0.99  # R14: this quantile of |velocity| in training clips becomes 1
    aux_targets: Literal["mismatched", "printed"] = "mismatched"  # R19: row 4's label is y'l, or yl as printed
    mismatched_appearance: Literal["subject", "any"] = "subject"  # R20
    mismatched_motion: Literal["class", "any"] = "class"  # R20
    bn_rows: Literal["mixed", "per_row"] = "mixed"  # R21
    forget_bias: float = 0.0  # first bias of the convLSTMs' forget gates, which the paper leaves open
    long_clips: Literal["first", "even"] = "first"  # R22: which T frames of a longer clip
    # R23: the generator lowers -log D (Alg. 1 line 14), or log(1 - D) (Eq. 5)
    adversarial: Literal["non_saturating", "saturating"] = "non_saturating"
    generator_scores: Literal["updated", "printed"] = "updated"  # R23: of D after its update, or before (Alg. 1 line 5)

    def __post_init__(self) -> None:
        _check_choices(self)
        _check_range(self, "gram_layers", 1, 2)
        _check_range(self, "smoothing_start", 0.0, 1.0)
        _check_range(self, "smoothing_decrement", 0.0, 1.0)
        _check_range(self, "centres", 0, math.inf)
        _check_range(self, "velocity_quantile", 0.0, 1.0)


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam for both players (R7)."""

    lr_generator: float = 2e-4
    lr_discriminator: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999


@dataclass(frozen=True)
class TrainingConfig:
    """Length and rhythm of one run."""

    batch: int = 16  # clips a step
    steps: int = 60_000  # the budget
    evaluate_every: int = 2_000  # steps between two looks at the validation split
    average: float = 0.0  # decay of the generator's weight average used for evaluation; 0: none


@dataclass(frozen=True)
class MachineConfig:
    """How the device is used (resolved in `amc.machine.capabilities`). Affects rounding and speed only."""

    precision: Literal["auto", "fp32", "bf16"] = "fp32"  # auto: bf16 products where the device has them
    compile: Literal["auto", "on", "off"] = "off"  # auto: on CUDA
    graph: Literal["auto", "on", "off"] = "off"  # CUDA graphs; auto: on CUDA

    def __post_init__(self) -> None:
        _check_choices(self)


SplitRule = Literal["subject", "random", "natops-lfdm", "natops-hcrf"]
SPLIT_RULES: tuple[str, ...] = get_args(SplitRule)  # `amc.data.splits` says what each does


@dataclass(frozen=True)
class SplitConfig:
    """How clips are divided (R17, R18). The seed is its own, not the training seed."""

    rule: SplitRule = "subject"
    seed: int = 0
    validation_share: float = 0.1  # R18: of training subjects or sources, those kept for validation

    def __post_init__(self) -> None:
        _check_choices(self)
        _check_range(self, "validation_share", 0.0, 1.0)


@dataclass(frozen=True)
class MethodSettings:
    """Hyperparameters of one method. Each method has a subclass, found by name in `METHOD_SETTINGS`."""

    name: str


@dataclass(frozen=True)
class AMCGANSettings(MethodSettings):
    """AMC-GAN's hyperparameters are the sections `weights`, `rows`, `margins`, `switches` and `readings`."""

    name: str = "amc_gan"


METHOD_SETTINGS: dict[str, type[MethodSettings]] = {"amc_gan": AMCGANSettings}


@dataclass(frozen=True)
class Config:
    """One training run, complete."""

    dataset: DatasetSpec
    preset: str
    method: MethodSettings = field(default_factory=AMCGANSettings)
    model: ModelConfig = field(default_factory=ModelConfig)
    weights: LossWeights = field(default_factory=LossWeights)
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
        """Nested plain values, for JSON."""
        return dataclasses.asdict(self)

    def flat(self) -> dict[str, Any]:
        """Dotted names to plain values, for a tracker or a difference."""
        return dict(flattened(self.to_dict()))


@dataclass(frozen=True)
class Preset:
    """A scale at which the same code runs."""

    size: int
    frames: int
    classes: int | None  # of the stand-in: the first so many; None: all
    clips: int | None  # of the stand-in; None: as many as the paper's data set has
    width: float
    classifier_width: float
    noise: float  # factor on p
    readings: Readings
    optimizer: OptimizerConfig
    training: TrainingConfig
    machine: MachineConfig = MachineConfig()


PRESETS: Mapping[str, Preset] = {
    # Appendix A to the letter; the paper names neither batch size nor number of steps.
    "paper": Preset(
        size=64,
        frames=32,
        classes=None,
        clips=None,
        width=1.0,
        classifier_width=1.0,
        noise=1.0,
        readings=Readings(),
        optimizer=OptimizerConfig(),
        training=TrainingConfig(),
        machine=MachineConfig(precision="auto", compile="auto", graph="auto"),
    ),
    # For two CPU cores. Departures from the paper's training, all of them here: learning rates, batch and budget, an
    # average of the generator's weights, forget gates that start open, velocities scaled so that ordinary ones count.
    "compact": Preset(
        size=32,
        frames=16,
        classes=6,
        clips=1_440,
        width=0.25,
        classifier_width=0.25,
        noise=0.25,
        readings=Readings(forget_bias=1.0, velocity_quantile=0.9),
        optimizer=OptimizerConfig(lr_generator=2e-3, lr_discriminator=4e-4),
        training=TrainingConfig(batch=8, steps=900, evaluate_every=100, average=0.98),
        machine=MachineConfig(precision="auto"),
    ),
    # For tests and a first look: the same code at its smallest.
    "smoke": Preset(
        size=16,
        frames=8,
        classes=3,
        clips=240,
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
    """A data set's sizes and its column of Table B."""

    spec: DatasetSpec
    clips: int  # appendix B.1
    noise: int
    weights: LossWeights
    long_clips: Literal["first", "even"] = "first"  # R22


DATASETS: Mapping[str, DatasetDefaults] = {
    "natops": DatasetDefaults(
        DatasetSpec("natops", classes=24, keypoints=9),
        clips=8_835,
        noise=128,
        weights=LossWeights(gan=1.0, rank=100.0, ce=0.03, mse=30.0, l1=3.0, gram=30.0),
    ),
    "mug": DatasetDefaults(
        DatasetSpec("mug", classes=6, keypoints=11),
        clips=3_840,
        noise=96,
        weights=LossWeights(gan=3.0, rank=100.0, ce=0.3, mse=300.0, l1=0.1, gram=1.0),
        # Its clips end 8 frames after the peak: the first half of one, at a preset of 16 frames, is a neutral face.
        long_clips="even",
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
        dataset: a row of `DATASETS`; any other name (an imported folder of videos) takes NATOPS' losses.
        preset: a row of `PRESETS`.
        spec: classes and keypoints as a clip file has them; without it the data set's own, with the classes
            cut to the preset's subset (which holds for the stand-in).
        **changes: fields of `Config` to replace.

    Raises:
        UserError: an unknown preset, or an unknown data set without a `spec`.
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
    return replace(config, **changes)


def with_overrides(config: Config, overrides: Mapping[str, Any]) -> Config:
    """`config` with fields changed by dotted name, such as `{"weights.rank": 10.0, "switches.lrank": False}`.

    Raises:
        UserError: an unknown name, or a value of another type than the field's (an int does for a float).
    """
    for name, value in overrides.items():
        config = replaced(config, name, value)
    return config


def from_dict(values: Mapping[str, Any]) -> Config:
    """The configuration that `Config.to_dict` wrote, checked field by field.

    Raises:
        UserError: a missing `dataset` or `preset`, an unknown method or field, or a wrong type.
    """
    try:
        method = METHOD_SETTINGS[values.get("method", {}).get("name", AMCGANSettings.name)]()  # type: ignore[call-arg]
        config = Config(dataset=DatasetSpec(**values["dataset"]), preset=str(values["preset"]), method=method)
    except (KeyError, TypeError) as error:
        raise UserError(f"this is no configuration of a training run: {error}") from error
    rest = {k: v for k, v in flattened(dict(values)) if not k.startswith("dataset.") and k != "preset"}
    return with_overrides(config, rest)
