"""Training the configuration of a study's trial: what is announced, which data it implies, and how it is looked up."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from amc.cli import from_study
from amc.cli.from_study import TrialConfig, find_config
from amc.config import natops
from amc.errors import UserError

PARAMS = {"weights.rank": 12.5, "optimizer.lr_generator": 1e-3, "switches.lrank": False}


def found(**changes: Any) -> TrialConfig:
    made = TrialConfig("s", "trial-0003", "COMPLETE", "compact", "natops", "procedural", 0.3, "amc_gan", PARAMS)
    return replace(made, **changes)


def test_settings_and_nothing_else_are_applied_at_another_size() -> None:
    before = natops("paper")
    after = found().applied(before).flat()
    assert {name: value for name, value in after.items() if value != before.flat()[name]} == PARAMS


def test_a_setting_that_the_user_gives_takes_precedence() -> None:
    config = found(settings={"split.rule": "natops-lfdm"})
    assert config.applied(natops("paper")).split.rule == "natops-lfdm"
    assert "split.rule subject -> natops-lfdm" in config.announcement(natops("paper"))
    assert config.without("split.rule").applied(natops("paper")).split.rule == "subject"


def test_the_announcement_is_one_line_that_says_what_changes() -> None:
    line = found().announcement(natops("paper"))
    assert "\n" not in line
    assert line.startswith("configuration: 3 settings of trial-0003 of study s (natops, preset compact, validation")
    assert "accuracy 30.0%" in line
    for change in ("weights.rank 100 -> 12.5", "lr_generator 0.0002 -> 0.001", "switches.lrank True -> False"):
        assert change in line
    assert "margins" not in line
    assert ", PRUNED)" in found(state="PRUNED", value=None).announcement(natops("paper"))


def test_the_data_set_is_the_studys_if_its_name_leads_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMC_DATA", raising=False)
    made, real, folder = found(), found(origin="natops"), found(dataset="squares", origin="folder")
    assert made.implied_dataset() == "natops"
    made.check_origin("procedural")
    with pytest.raises(UserError, match="origin=procedural, but natops here has origin=natops: give"):
        made.check_origin("natops")
    # A stand-in never replaces real clips silently.
    with pytest.raises(UserError, match=r"clip file \(origin=natops\): give it with --data FILE\.h5"):
        real.implied_dataset()
    monkeypatch.setenv("AMC_DATA", str(tmp_path))
    assert real.implied_dataset() == "natops"
    with pytest.raises(UserError, match="origin=natops, but natops here has origin=procedural"):
        real.check_origin("procedural")
    with pytest.raises(UserError, match=r"the clip file 'squares': give it with --data FILE\.h5"):
        folder.implied_dataset()


def offer(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    """Makes these the installed look-ups of studies."""
    points = [EntryPoint("record", value, from_study.ENTRY_POINTS) for value in values]
    monkeypatch.setattr(from_study, "entry_points", lambda group: points)


def looked_up(runs: Path, study: str, trial: str | None) -> TrialConfig:
    """A look-up for the tests below."""
    return found(study=study, trial=str(trial))


def test_studies_are_looked_up_by_whatever_package_offers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, f"{__name__}:looked_up")
    assert find_config(Path("runs"), "any", "7", natops()) == found(study="any", trial="7")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"weights.love": 1.0}, "unknown setting 'weights.love'"),
        ({"weights.l1": "much"}, "does not fit its type"),
        ({"weights.l1": float("nan")}, "does not fit its type"),
    ],
)
def test_settings_that_no_configuration_has_are_one_line(
    settings: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, f"{__name__}:looked_up")
    monkeypatch.setitem(globals(), "looked_up", lambda runs, study, trial: found(settings=settings))
    with pytest.raises(UserError, match=f"settings of trial-0003 of study s cannot be used: .*{says}"):
        find_config(Path("runs"), "s", None, natops())


def test_a_study_of_another_method_is_one_line_with_the_option_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, f"{__name__}:looked_up")
    monkeypatch.setitem(globals(), "looked_up", lambda runs, study, trial: found(method="package.module:NAME"))
    with pytest.raises(UserError, match=r"s searched method 'package\.module:NAME': give --method package"):
        find_config(Path("runs"), "s", None, natops())


def test_without_any_look_up_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch)
    with pytest.raises(UserError, match=r"no installed package can look up studies: .*pip install -e \."):
        find_config(Path("runs"), "s", None, natops())
