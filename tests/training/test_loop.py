"""The loop: exact resumption, reports, stopping, divergence; and that it learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from amc.config import Config, with_overrides
from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.judges.motion_classifier import TrainedClassifier, cached_classifier
from amc.evaluation.validation import last_accuracy, log_likelihood, recognised, validation
from amc.training import checkpoint
from amc.training.loop import Result
from amc.training.loop import train as train_method
from amc.training.run import Diverged, Run
from tests.toy import toy_config, toy_data


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return toy_data()


@pytest.fixture(scope="module")
def classifier(data: TrainingData) -> TrainedClassifier:
    return cached_classifier(data.clips, data.split, toy_config())


def train(config: Config, data: TrainingData, classifier: TrainedClassifier, **settings: Any) -> Result:
    return train_method(config, data, evaluations=[validation(classifier)], **settings)


def tensors(directory: Path) -> Mapping[str, torch.Tensor]:
    return checkpoint.load(directory / checkpoint.FILE).tensors


def always(step: int, metrics: Mapping[str, float]) -> bool:
    return True


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_ten_steps_saved_and_ten_more_equal_twenty(
    tmp_path: Path, data: TrainingData, classifier: TrainedClassifier, average: float
) -> None:
    config = toy_config(steps=20, evaluate_every=5, average=average)
    whole = train(config, data, classifier, directory=tmp_path / "whole", report=always)
    half = with_overrides(config, {"training.steps": 10})
    train(half, data, classifier, directory=tmp_path / "parts", report=always)
    seen: list[int] = []
    parts = train(
        config,
        data,
        classifier,
        directory=tmp_path / "parts",
        report=lambda step, metrics: seen.append(step) is None,
    )
    assert seen == [5, 10, 15, 20]  # earlier looks are reported again
    one, two = tensors(tmp_path / "whole"), tensors(tmp_path / "parts")
    assert one.keys() == two.keys()
    for name in one:
        assert torch.equal(one[name], two[name]), name
    assert whole.run.step == parts.run.step == 20
    assert [m["val/accuracy"] for _, m in whole.run.curve] == [m["val/accuracy"] for _, m in parts.run.curve]
    assert [m["loss/l1"] for _, m in whole.run.curve] == [m["loss/l1"] for _, m in parts.run.curve]


def test_a_kill_between_two_looks_loses_only_the_steps_since(
    tmp_path: Path, data: TrainingData, classifier: TrainedClassifier
) -> None:
    config = toy_config(steps=9, evaluate_every=3)
    train(config, data, classifier, directory=tmp_path / "whole", report=always)

    class Killed(Exception):
        pass

    def killer(step: int, metrics: Mapping[str, float]) -> bool:
        if step == 6:
            raise Killed
        return True

    with pytest.raises(Killed):
        train(config, data, classifier, directory=tmp_path / "cut", report=killer)
    seen: list[int] = []
    train(config, data, classifier, directory=tmp_path / "cut", report=lambda s, m: seen.append(s) is None)
    assert seen == [3, 6, 9]
    one, two = tensors(tmp_path / "whole"), tensors(tmp_path / "cut")
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("asked", [1, 3, 6, 8, 11, 14])
def test_a_run_paused_anywhere_goes_on_as_if_it_had_not_been(
    tmp_path: Path, data: TrainingData, classifier: TrainedClassifier, asked: int
) -> None:
    """Between steps, before a look and in the middle of one: weights, moments, average and every reported mean."""
    config = toy_config(steps=7, evaluate_every=3, average=0.9)
    whole = train(config, data, classifier, directory=tmp_path / "whole", report=always)
    left = asked

    def pausing() -> bool:
        nonlocal left
        left -= 1
        return left == 0

    first = train(config, data, classifier, directory=tmp_path / "cut", report=always, pausing=pausing)
    assert (first.paused, first.stopped) == (True, False)
    second = train(config, data, classifier, directory=tmp_path / "cut", report=always)
    assert not second.paused
    one, two = tensors(tmp_path / "whole"), tensors(tmp_path / "cut")
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    for (step, metrics), (other, others) in zip(whole.run.curve, second.run.curve, strict=True):
        assert step == other
        same = {name for name in metrics if not name.startswith("time/")}
        assert {name: metrics[name] for name in same} == {name: others[name] for name in same}


def test_a_run_with_decay_resumes_to_the_bit_and_cannot_be_extended(
    tmp_path: Path, data: TrainingData, classifier: TrainedClassifier
) -> None:
    config = with_overrides(toy_config(steps=8, evaluate_every=4), {"optimizer.decay_share": 0.5})
    whole = train(config, data, classifier, directory=tmp_path / "whole", report=always)
    train(
        config,
        data,
        classifier,
        directory=tmp_path / "parts",
        report=always,
        pausing=iter([False] * 6 + [True]).__next__,
    )
    train(config, data, classifier, directory=tmp_path / "parts", report=always)
    one, two = tensors(tmp_path / "whole"), tensors(tmp_path / "parts")
    for name in one:
        assert torch.equal(one[name], two[name]), name
    constant = train(
        with_overrides(config, {"optimizer.decay_share": 0.0}),
        data,
        classifier,
        directory=tmp_path / "c",
        report=always,
    )
    last = list(whole.run.generator.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(last, constant.run.generator.parameters(), strict=True))
    with pytest.raises(UserError, match=r"training.steps 8 -> 12"):
        train(
            with_overrides(config, {"training.steps": 12}),
            data,
            classifier,
            directory=tmp_path / "whole",
            report=always,
        )


def test_a_report_that_says_stop_stops(tmp_path: Path, data: TrainingData, classifier: TrainedClassifier) -> None:
    result = train(toy_config(), data, classifier, directory=tmp_path, report=lambda step, metrics: False)
    assert (result.run.step, result.stopped) == (2, True)


def test_the_run_that_is_returned_is_the_checkpoint(
    tmp_path: Path, data: TrainingData, classifier: TrainedClassifier
) -> None:
    """Nobody has to load what was just in memory: weights, moving average, curve and the generated clips are equal."""
    config = toy_config(steps=5, evaluate_every=2, average=0.9)
    run = train(config, data, classifier, directory=tmp_path, report=always).run
    loaded = Run(config, data)
    loaded.load(tmp_path / checkpoint.FILE)
    assert (loaded.step, loaded.curve, loaded.seconds) == (run.step, run.curve, run.seconds)
    for name, value in run.generator.state_dict().items():
        assert torch.equal(value, loaded.generator.state_dict()[name]), name
    clips = data.split.test
    one, two = (recognised(each.generator, config, data, classifier, clips, 0) for each in (run, loaded))
    assert one.tolist() == two.tolist()


def test_metrics_of_all_evaluations_are_merged(tmp_path: Path, data: TrainingData) -> None:
    pauses: list[int] = []

    def counting(run: Run, check_pause: Callable[[], None]) -> dict[str, float]:
        check_pause()
        return {"val/step": float(run.step)}

    result = train_method(
        toy_config(steps=4),
        data,
        directory=tmp_path,
        report=always,
        evaluations=[counting, lambda run, check_pause: {"val/other": 1.0}],
        pausing=lambda: pauses.append(0) is not None,
    )
    assert [(metrics["val/step"], metrics["val/other"]) for _, metrics in result.run.curve] == [(2, 1), (4, 1)]
    assert len(pauses) == 2 + 4 + 2 + 1  # before every step and evaluation, in every evaluation, and at the end
    assert np.isnan(last_accuracy([]))


def test_log_likelihood_by_hand() -> None:
    """Probabilities of the labels: 1/2 and 3/4, so the mean logarithm is (ln 1/2 + ln 3/4) / 2."""
    logits = np.log(np.array([[1.0, 1.0], [1.0, 3.0]], np.float32))
    expected = (np.log(0.5) + np.log(0.75)) / 2
    assert log_likelihood(logits, np.array([0, 1])) == pytest.approx(expected, abs=1e-7)


def test_equal_seeds_give_equal_runs_and_others_do_not(
    tmp_path: Path, data: TrainingData, classifier: TrainedClassifier
) -> None:
    config = toy_config(steps=4)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(
            replace(config, seed=seed),
            data,
            classifier,
            directory=tmp_path / name,
            report=always,
        )
    a, b, c = (tensors(tmp_path / name) for name in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["generator.decoder.conv1.weight"], c["generator.decoder.conv1.weight"])


def test_losses_that_are_not_finite_end_the_run_by_name(
    tmp_path: Path, data: TrainingData, classifier: TrainedClassifier
) -> None:
    config = with_overrides(toy_config(steps=40), {"optimizer.lr_generator": 1e30})
    with pytest.raises(Diverged, match="not finite by step"):
        train(config, data, classifier, directory=tmp_path, report=always)


def other_width(config: Config) -> Config:
    return with_overrides(config, {"model.width": 0.125})


def test_a_checkpoint_of_another_configuration_is_refused_with_the_difference(
    tmp_path: Path, data: TrainingData, classifier: TrainedClassifier
) -> None:
    config = toy_config(steps=2)
    train(config, data, classifier, directory=tmp_path, report=always)
    with pytest.raises(UserError, match=r"model\.width 0\.0625 -> 0\.125"):
        train(other_width(config), data, classifier, directory=tmp_path, report=always)
    changed = replace(data, clips=replace(data.clips, info=replace(data.clips.info, fingerprint="1" * 64)))
    with pytest.raises(UserError, match="other clips"):
        train(config, changed, classifier, directory=tmp_path, report=always)


def test_the_score_of_a_checkpoint_does_not_depend_on_the_clips_beside_it(
    tmp_path: Path, data: TrainingData, classifier: TrainedClassifier
) -> None:
    config = toy_config(steps=4)
    train(config, data, classifier, directory=tmp_path, report=always)
    run = Run(config, data)
    run.load(tmp_path / checkpoint.FILE)
    assert checkpoint.load(tmp_path / checkpoint.FILE).header["velocity_scale"] == data.velocity_scale  # R14
    every = recognised(run.generator, config, data, classifier, data.split.test, 0)
    alone = [
        recognised(run.generator, config, data, classifier, data.split.test[i : i + 1], 0)[0] for i in range(len(every))
    ]
    assert every.tolist() == alone


def test_the_generator_learns_to_reconstruct(tmp_path: Path, data: TrainingData, classifier: TrainedClassifier) -> None:
    config = toy_config(steps=120, evaluate_every=20, batch=8)
    result = train(config, data, classifier, directory=tmp_path, report=always)
    losses = [metrics["loss/l1"] for _, metrics in result.run.curve]
    assert losses[-1] < 0.6 * losses[0]
    assert np.isfinite(losses).all()
