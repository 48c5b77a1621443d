"""The methods of Table 3 as a table of data, and how each becomes an entry of a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ablations.arms import ALL, CLIPS_AND_JUDGES, SLUG
from ablations.comparison import Entry
from amc.config import AMC_GAN, Config, with_overrides
from amc.errors import UserError
from amc.methods import BUILT_IN, get, with_method
from amc.methods.protocol import Method
from analysis.record.states import OURS
from tuning.search.default_space import search_space

# Accuracies that the paper reports, in percent, by data set.
PAPER: Mapping[str, Mapping[str, float]] = {
    "natops": {"amc_gan": 91.12, "cdna": 6.80, "adv_gdl": 8.45, "mcnet": 12.76},
    "mug": {"amc_gan": 99.79, "cdna": 35.38, "adv_gdl": 40.47, "mcnet": 43.22},
}


@dataclass(frozen=True)
class Compared:
    """A method in the comparison.

    Attributes:
        name: as in `--method` and in the configuration.
        slug: in keys of trials and in tables.
        method: its entry in the registry.
    """

    name: str
    slug: str
    method: Method

    @property
    def title(self) -> str:
        """Name in tables."""
        return f"{self.method.title} (ours)" if self.slug == OURS else self.method.title


@dataclass(frozen=True)
class Tuned:
    """What the search of a method found.

    Attributes:
        settings: of its best trial, by dotted name.
        facts: for the record, see `analysis.scores.study_scores.ArmScores.tuned`.
    """

    settings: Mapping[str, Any]
    facts: Mapping[str, Any]


def select_methods(names: str | None) -> tuple[Compared, ...]:
    """The methods that --arms selects, AMC-GAN first.

    Args:
        names: comma-separated, as in `--method`; `all` and None are the methods of this package.

    Raises:
        UserError: A method is unknown or cannot be imported, or two have the same name in tables.
    """
    wanted = dict.fromkeys([AMC_GAN.name])
    for name in (part.strip() for part in (names or ALL).split(",")):
        if name == ALL:
            wanted |= dict.fromkeys(BUILT_IN)
        elif name and name != OURS:
            wanted[name] = None
    found: dict[str, Compared] = {}
    for name in wanted:
        method = get(name)
        slug = OURS if name == AMC_GAN.name else method.name
        if not SLUG.fullmatch(slug) or slug == ALL or (slug == OURS and name != AMC_GAN.name):
            raise UserError(
                f"method {name!r} is named {slug!r}: use lower-case letters, digits and '_', at most 40 characters, "
                f"and neither {ALL!r} nor {OURS!r}"
            )
        if slug in found:
            raise UserError(f"methods {found[slug].name!r} and {name!r} are both named {slug!r}: leave one out")
        found[slug] = Compared(name, slug, method)
    return tuple(found.values())


def method_entries(base: Config, methods: Sequence[Compared], tuned: Mapping[str, Tuned]) -> list[Entry]:
    """The methods as entries of a comparison.

    Args:
        base: the configuration of AMC-GAN with the settings of its preset.
        tuned: by slug, what the methods' searches found.

    Raises:
        UserError: A method does not fit the clips, or changes a setting that all methods share.
    """
    return [_entry(base, each, tuned.get(each.slug)) for each in methods]


def method_config(base: Config, name: str) -> Config:
    """The configuration of a method with the settings of its preset.

    Raises:
        UserError: The method does not fit the clips, or changes a setting that all methods share.
    """
    config = with_method(base, name) if name != AMC_GAN.name else base
    _check_shared(name, changes_of(base, config))
    return config


def check_search(config: Config) -> None:
    """Checks the search of a method, with its configuration for these data.

    Raises:
        UserError: Its search space is missing or invalid, or has a setting that all methods share.
    """
    _check_shared(config.method.name, [row.name for row in search_space(config).parameters], "searches")


def changes_of(base: Config, config: Config) -> dict[str, Any]:
    """Settings of `config` that `base` does not have, or has with another value."""
    before = base.flat()
    return {name: value for name, value in config.flat().items() if before.get(name) != value}


def _entry(base: Config, compared: Compared, tuned: Tuned | None) -> Entry:
    config = with_overrides(method_config(base, compared.name), tuned.settings if tuned is not None else {})
    config = replace(config, seed=base.seed)
    changes = changes_of(base, config)
    _check_shared(compared.name, changes)
    facts = {
        "arm": compared.slug,
        "title": compared.title,
        "paper": PAPER.get(base.dataset.name, {}).get(compared.name),
        "changes": changes,
        "method": compared.name,
        "frames_seen": compared.method.frames_seen,
        "sees_motion": compared.method.needs_keypoints,
        **({"tuned": tuned.facts} if tuned is not None else {}),
    }
    return Entry(compared.slug, config, changes, facts)


def _check_shared(name: str, changes: Iterable[str], does: str = "changes") -> None:
    shared = [each for each in changes if any(f"{each}.".startswith(f"{fixed}.") for fixed in CLIPS_AND_JUDGES)]
    if shared:
        raise UserError(f"method {name!r} {does} {', '.join(shared)}, which all methods of Table 3 share")
