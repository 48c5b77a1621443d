"""Parallel trials by measured memory, and their memory caps. All tests but one use a made-up measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from amc.config import Config, natops, with_overrides
from amc.evaluation.judges.motion_classifier import cached_classifier
from tests.toy import toy_config, toy_data, write_toy_file
from tuning.planning import fitting
from tuning.planning.fitting import RequestedResources, fit_resources, largest_config, with_memory_cap
from tuning.planning.packing import GIB
from tuning.planning.probe import PeakMemory
from tuning.search.default_space import search_space
from tuning.workers.job import TrialSettings
from tuning.workers.resources import Resources

NOTHING = RequestedResources(workers=False, cpus=False, gpus=False)


class Measured:
    """A measurement that counts how often it is made."""

    def __init__(self, found: PeakMemory) -> None:
        self.found, self.times = found, 0

    def __call__(self, config: Config, settings: TrialSettings, wanted: Resources) -> PeakMemory:
        self.times += 1
        return self.found


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fitting, "cores", lambda: 8)
    monkeypatch.setattr(fitting, "free_memory", lambda: 16 * GIB)
    monkeypatch.setattr(fitting, "total_memory", lambda: 20 * GIB)


def fit(
    wanted: Resources, requested: RequestedResources, measure: Measured, *, devices: int = 0, batch: int = 8
) -> Any:
    config = with_overrides(natops("smoke"), {"training.batch": batch})
    return fit_resources(
        wanted, requested, config=config, fingerprint="f", settings=TrialSettings(), devices=devices, measure=measure
    )


def test_on_a_cpu_memory_bounds_the_trials_and_caps_each() -> None:
    measure = Measured(PeakMemory(4 * GIB))
    found = fit(Resources(8, 1, 0.0), NOTHING, measure)
    # 3 x 4 GiB fit into 14.4 GiB that are free; each may take a third of 18 GiB.
    assert found.resources == Resources(3, 2, 0.0, memory=6 * GIB)
    assert found.line.startswith("3 trials in parallel with 2 cores each: a step takes 4.0 GiB")


def test_the_measurement_is_cached_by_the_shape_of_the_step() -> None:
    measure = Measured(PeakMemory(GIB))
    for batch, times in ((8, 1), (8, 1), (16, 2)):
        fit(Resources(8, 1, 0.0), NOTHING, measure, batch=batch)
        assert measure.times == times


def test_given_workers_get_a_memory_cap_and_nothing_is_measured() -> None:
    measure = Measured(PeakMemory(GIB))
    found = fit(Resources(2, 4, 0.0), RequestedResources(workers=True, cpus=False, gpus=False), measure)
    assert found.resources == Resources(2, 4, 0.0, memory=9 * GIB)
    assert (found.line, measure.times) == ("", 0)


def test_on_a_gpu_trials_share_it_and_its_memory() -> None:
    measure = Measured(PeakMemory(GIB, 7 * GIB, 24 * GIB, 25 * GIB))
    found = fit(Resources(1, 1, 1.0), NOTHING, measure, devices=1)
    assert found.resources == Resources(3, 2, 1 / 3, memory=int(25 * GIB * 0.9) // 3)
    asked = fit(Resources(2, 1, 0.5), RequestedResources(workers=False, cpus=False, gpus=True), measure, devices=1)
    assert asked.resources == Resources(2, 1, 0.5, memory=int(25 * GIB * 0.9) // 2)
    whole = fit(Resources(1, 1, 1.0), RequestedResources(workers=True, cpus=False, gpus=True), measure, devices=1)
    assert whole.resources == Resources(1, 1, 1.0)


def test_caps_do_not_depend_on_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    before = with_memory_cap(Resources(2, 1, 0.0), 0)
    monkeypatch.setattr(fitting, "free_memory", lambda: GIB)
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
    found = fitting.measure_memory(config, settings, Resources(1, 1, 0.0))
    assert 10 * 2**20 < found.host < 4 * GIB
    assert found.device is None
