"""Parallel trials by measured memory, and their memory caps. All tests but one use a made-up measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from amc.config import natops, with_overrides
from amc.evaluation.judges.motion_classifier import cached_classifier
from tests.toy import toy_config, toy_data, write_toy_file
from tuning.planning import parallel_trials
from tuning.planning.parallel_trials import GIB, choose_resources, largest_config, with_memory_cap
from tuning.planning.probe import ProbeResult, run_probe
from tuning.search.default_space import search_space
from tuning.workers.job import TrialSettings
from tuning.workers.resources import Resources


class FakeProbe:
    """A probe with a given result that counts how often it runs."""

    def __init__(self, **peak: int) -> None:
        self.peak, self.times = peak, 0

    def __call__(self, *given: Any, **options: Any) -> ProbeResult:
        self.times += 1
        return ProbeResult(0.0, 0.0, 0.0, 0.0, 0.0, 1, 0, 0, **self.peak)


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(parallel_trials, "cores", lambda: 8)
    monkeypatch.setattr(parallel_trials, "free_memory", lambda: 16 * GIB)
    monkeypatch.setattr(parallel_trials, "total_memory", lambda: 20 * GIB)


def choose(
    monkeypatch: pytest.MonkeyPatch,
    probe: FakeProbe,
    wanted: Resources,
    *,
    open_choice: bool = True,
    devices: int = 0,
    batch: int = 8,
) -> tuple[Resources, str]:
    monkeypatch.setattr(parallel_trials, "run_probe", probe)
    config = with_overrides(natops("smoke"), {"training.batch": batch})
    fields: dict[str, Any] = {"config": config, "fingerprint": "f", "settings": TrialSettings(), "devices": devices}
    return choose_resources(wanted, open_choice=open_choice, cpus=None, **fields)


def test_on_a_cpu_memory_bounds_the_trials_and_caps_each(monkeypatch: pytest.MonkeyPatch) -> None:
    found, line = choose(monkeypatch, FakeProbe(host=4 * GIB), Resources(8, 1, 0.0))
    # 3 x 4 GiB fit into 14.4 GiB that are free; each may take a third of 18 GiB.
    assert found == Resources(3, 2, 0.0, memory=6 * GIB)
    assert line.startswith("3 trials in parallel with 2 cores each: a trial needs 4.0 GiB at its peak")


def test_the_measurement_is_cached_by_the_shape_of_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = FakeProbe(host=GIB)
    for batch, times in ((8, 1), (8, 1), (16, 2)):
        choose(monkeypatch, probe, Resources(8, 1, 0.0), batch=batch)
        assert probe.times == times


def test_given_workers_get_a_memory_cap_and_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = FakeProbe(host=GIB)
    found = choose(monkeypatch, probe, Resources(2, 4, 0.0), open_choice=False)
    assert found == (Resources(2, 4, 0.0, memory=9 * GIB), "")
    assert probe.times == 0


def test_on_a_gpu_trials_share_it_and_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = FakeProbe(host=GIB, device=7 * GIB, device_free=24 * GIB, device_total=25 * GIB)
    found, _ = choose(monkeypatch, probe, Resources(1, 1, 1.0), devices=1)
    assert found == Resources(3, 2, 1 / 3, memory=int(25 * GIB * 0.9) // 3)
    shared, _ = choose(monkeypatch, probe, Resources(2, 1, 0.5), open_choice=False, devices=1)
    assert shared == Resources(2, 1, 0.5, memory=int(25 * GIB * 0.9) // 2)
    whole, _ = choose(monkeypatch, probe, Resources(1, 1, 1.0), open_choice=False, devices=1)
    assert whole == Resources(1, 1, 1.0)


def test_caps_do_not_depend_on_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    before = with_memory_cap(Resources(2, 1, 0.0), 0)
    monkeypatch.setattr(parallel_trials, "free_memory", lambda: GIB)
    assert with_memory_cap(Resources(2, 1, 0.0), 0) == before


def test_the_largest_configuration(tmp_path: Path) -> None:
    base = with_overrides(natops("smoke"), {"switches.lrank": False})
    file = tmp_path / "space.toml"
    file.write_text('[parameters."training.batch"]\nkind = "categorical"\nchoices = [4, 32, 16]\n')
    found = largest_config(base, search_space(base, file).parameters)
    assert found.training.batch == 32
    assert found.switches == natops("smoke").switches
    assert found.weights == base.weights


@pytest.mark.filterwarnings("default")
def test_a_real_step_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    file = write_toy_file(tmp_path / "squares.h5")
    config = toy_config()
    data = toy_data(config)
    cached_classifier(data.clips, data.split, config, seed=0)
    settings = TrialSettings(data=str(file))
    found = run_probe(config, settings, Resources(1, 1, 0.0), seconds=0.0)
    assert 10 * 2**20 < found.host < 4 * GIB
    assert found.device == 0
