"""The methods of Table 3 as entries of a comparison."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ablations.comparison import proposals
from ablations.methods import PAPER, Tuned, method_config, method_entries, select_methods
from amc.config import Config, configure
from amc.errors import UserError
from amc.methods import BUILT_IN
from amc.methods.amc_gan import METHOD

BASE = configure("natops", "smoke")
SQUARES = replace(METHOD, name="squares", title="Squares", presets={"smoke": {"training.batch": 4}})
CALLED_OURS = replace(METHOD, name="ours")
CAPITAL = replace(METHOD, name="U-Net")
LARGER = replace(METHOD, name="larger", presets={"smoke": {"model.size": 32}})


@pytest.fixture(autouse=True)
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mine", sys.modules[__name__])


def test_all_are_the_papers_and_amc_gan_always_comes_first() -> None:
    assert [each.slug for each in select_methods(None)] == ["ours", *(name for name in BUILT_IN if name != "amc_gan")]
    assert [each.slug for each in select_methods("cdna")] == ["ours", "cdna"]
    assert [each.slug for each in select_methods("ours")] == ["ours"]
    assert [each.slug for each in select_methods("mine:SQUARES, amc_gan")] == ["ours", "squares"]
    assert {name for papers in PAPER.values() for name in papers} == set(BUILT_IN)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("nobody", "unknown method 'nobody'"),
        ("mine:CALLED_OURS", "is named 'ours': use lower-case letters"),
        ("mine:CAPITAL", "is named 'U-Net': use lower-case letters"),
        ("mine:SQUARES,mine:SQUARES_AGAIN", "are both named 'squares': leave one out"),
    ],
)
def test_names_that_cannot_be_told_apart_are_refused(names: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "SQUARES_AGAIN", SQUARES, raising=False)
    with pytest.raises(UserError, match=said):
        select_methods(names)


def test_a_method_that_changes_what_all_share_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"method 'mine:LARGER' changes model\.size, which all methods of Table 3 share"
    ):
        method_config(BASE, "mine:LARGER")


def entries(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Config]:
    tuned = {slug: Tuned(settings, {"trial": "trial-0001"}) for slug, settings in found.items()}
    made = method_entries(BASE, select_methods("mine:SQUARES"), tuned)
    assert [entry.slug for entry in made if "tuned" in entry.facts] == list(found)
    trials = proposals(made, 2, 3)
    assert [trial.key for trial in trials] == ["ours-seed-0", "squares-seed-0", "ours-seed-1", "squares-seed-1"]
    seeds = [trial.config.seed for trial in trials]
    assert seeds == [3_000_000, 3_000_000, 3_000_001, 3_000_001]  # paired
    # Searches with the same seed trained with 3,000,000, 3,000,001 ...
    assert [trial.config.seed for trial in proposals(made, 1, 3, new_seeds=True)] == [3_500_000] * 2
    assert made[1].facts["frames_seen"] == 1
    assert (made[0].facts["paper"], made[1].facts["paper"]) == (91.12, None)
    return {entry.slug: entry.config for entry in made}


def test_entries_have_the_settings_of_the_preset_and_those_that_a_search_found() -> None:
    plain = entries({})
    assert plain["ours"] == BASE
    assert plain["squares"] == method_config(BASE, "mine:SQUARES")
    assert plain["squares"].training.batch == 4
    tuned = entries({"ours": {"weights.gan": 2.5}, "squares": {"training.batch": 6}})
    assert tuned["ours"] == replace(BASE, weights=replace(BASE.weights, gan=2.5))
    assert tuned["squares"].training.batch == 6
