"""Scoring a generator: what training's own accuracy says, known generators' scores, and what must change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from amc.data.conditions import test_conditions as conditions_of
from amc.data.training_data import TrainingData
from amc.evaluation.generation import TEST_SEED
from amc.evaluation.judges.identity import identity_kept
from amc.evaluation.metrics.pixels import MOST_PSNR, motion_energy
from amc.evaluation.score_sheet import REAL, STILL, ScoreSheet
from amc.evaluation.scores import score as scoring
from amc.evaluation.scores.draws import draws
from amc.evaluation.scores.headline import headline
from amc.evaluation.scores.references import references
from amc.evaluation.scores.score import compare_with_real, score
from amc.evaluation.scores.test_judges import Judges
from amc.evaluation.validation import recognised
from amc.methods import method_of
from amc.models.generator import Generator
from tests.evaluation.scores.known import copier, even, oracle, toy_judges
from tests.methods.baselines import baseline
from tests.toy import toy_clips, toy_config, toy_data

CONFIG = toy_config()


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return toy_data(clips=toy_clips(subjects=8, repetitions=4))


@pytest.fixture(scope="module")
def judges(data: TrainingData) -> Judges:
    return toy_judges(CONFIG, data)


@pytest.fixture(scope="module")
def reference(data: TrainingData, judges: Judges) -> dict[str, ScoreSheet]:
    return references(CONFIG, data, judges)


def some_generator(seed: int = 0) -> Generator:
    torch.manual_seed(seed)
    return Generator(CONFIG)


@pytest.mark.parametrize("part", ["test", "validation"])
def test_classes_are_those_that_training_sees(part: str, data: TrainingData, judges: Judges) -> None:
    generator = some_generator()
    sheet = score(generator, CONFIG, data, judges, part="test" if part == "test" else "validation")
    clips, seed = (data.split.test, TEST_SEED) if part == "test" else (data.split.validation, 0)
    assert sheet.label == tuple(data.clips.label[clips])
    assert sheet.subject == tuple(data.clips.subject[clips])
    for predicted, judge in ((sheet.predicted, judges.motion), (sheet.predicted_second, judges.second)):
        right = recognised(generator, CONFIG, data, judge, clips, seed)
        assert (np.array(predicted) == sheet.label).tolist() == right.tolist()


def test_a_sheet_is_the_same_again_and_in_any_batches(data: TrainingData, judges: Judges) -> None:
    generator = some_generator()
    whole = score(generator, CONFIG, data, judges)
    assert score(generator, CONFIG, data, judges) == whole
    parts = score(generator, CONFIG, data, replace(judges, real={}), batch=3, chunk=5)
    assert parts.predicted == whole.predicted
    assert parts.predicted_second == whole.predicted_second
    for mine, theirs in ((parts.clips, whole.clips), (parts.frames, whole.frames)):
        assert mine.keys() == theirs.keys()
        for name in mine:
            assert mine[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-5)
    assert parts.numbers == pytest.approx(whole.numbers, rel=1e-3)
    assert ScoreSheet.from_dict(whole.to_dict()).predicted == whole.predicted


def test_a_sheet_has_all_that_is_measured(data: TrainingData, judges: Judges) -> None:
    sheet = score(some_generator(), CONFIG, data, judges)
    count = len(data.split.test)
    names = {"psnr", "ssim", "diversity_noise", "diversity_velocity", "motion_energy", "identity"}
    assert sheet.clips.keys() == names
    assert {len(sheet.clips[name]) for name in names - {"identity"}} == {count}
    assert {len(values) for values in sheet.frames.values()} == {CONFIG.model.frames - 1}
    assert sheet.numbers.keys() == {"frechet_distance", "kernel_distance", "features"}
    assert sheet.numbers["features"] == count
    assert np.mean(sheet.frames["psnr"]) == pytest.approx(np.mean(sheet.clips["psnr"]))
    assert all(np.isfinite(list(headline(sheet).values())))


def test_a_generator_that_repeats_its_frame_scores_as_still_clips(
    data: TrainingData, judges: Judges, reference: dict[str, ScoreSheet]
) -> None:
    sheet, still = score(copier(), CONFIG, data, judges), reference[STILL]
    assert (sheet.predicted, sheet.predicted_second) == (still.predicted, still.predicted_second)
    assert sheet.frames == still.frames
    assert sheet.numbers == still.numbers
    for name in ("diversity_noise", "diversity_velocity", "motion_energy"):
        assert set(sheet.clips[name]) == {0.0}
    assert {name: sheet.clips[name] for name in still.clips} == dict(still.clips)


def test_a_generator_that_knows_the_clips_scores_as_real_ones(
    data: TrainingData, judges: Judges, reference: dict[str, ScoreSheet]
) -> None:
    sheet, real = score(oracle(data), CONFIG, data, judges), reference[REAL]
    assert set(sheet.clips["psnr"]) == {MOST_PSNR}
    assert sheet.clips["ssim"] == pytest.approx([1.0] * len(sheet.label))
    assert (sheet.predicted, sheet.predicted_second) == (real.predicted, real.predicted_second)
    assert sheet.numbers["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert sheet.numbers["kernel_distance"] < 0  # unbiased, and the sets are not even two draws
    assert sheet.clips["motion_energy"] == real.clips["motion_energy"]
    assert sheet.clips["identity"] == real.clips["identity"]


def test_given_frames_count_in_no_score_but_those_by_frame(data: TrainingData, judges: Judges) -> None:
    config = baseline("adv_gdl")  # is given frames 1 to 4
    torch.manual_seed(0)
    method = method_of(config)
    with_lpips = replace(judges, lpips=FrameCount(), real={})
    sheet = score(method.networks[method.predictor](config), config, data, with_lpips)
    assert sheet.frames["psnr"][:3] == (MOST_PSNR,) * 3
    assert max(sheet.frames["psnr"][3:]) < MOST_PSNR
    for name in ("psnr", "ssim"):
        assert np.mean(sheet.clips[name]) == pytest.approx(np.mean(sheet.frames[name][3:]))
    assert sheet.clips["lpips"] == (4,) * len(sheet.label)  # frames 5 to 8
    # References of such a method cover the same frames.
    found = references(config, data, with_lpips)
    frames = data.clips.frames[data.split.test]
    assert found[REAL].clips["motion_energy"] == tuple(motion_energy(frames[:, 4:]))
    assert np.mean(found[STILL].clips["psnr"]) == pytest.approx(np.mean(found[STILL].frames["psnr"][3:]))
    assert references(CONFIG, data, with_lpips)[REAL].clips["motion_energy"] == tuple(motion_energy(frames[:, 1:]))


@pytest.mark.parametrize(("name", "versions"), [("cdna", 4), ("adv_gdl", 2)])
def test_velocities_are_varied_for_a_method_that_sees_them(
    name: str, versions: int, data: TrainingData, judges: Judges, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    generate = scoring.generate_clips

    def counted(*arguments: Any, **options: Any) -> NDArray[np.uint8]:
        made.append(generate(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(scoring, "generate_clips", counted)
    config = baseline(name)
    torch.manual_seed(0)
    method = method_of(config)
    network = method.networks[method.predictor](config)
    sheet = score(network, config, data, replace(judges, identity=None, real={}))
    assert len(made) == versions
    # What is not generated again would be the same.
    own = generate(network, config, data, draws(config, data, data.split.test, TEST_SEED).own)
    real = data.clips.frames[data.split.test, 1:]
    assert sheet.frames["psnr"] == pytest.approx(compare_with_real(own, real, judges, 0)["psnr"].mean(axis=0))


class FrameCount:
    """In the place of LPIPS: the number of frames that it compares."""

    digest = "p"

    def __call__(self, a: NDArray[np.uint8], b: NDArray[np.uint8], /) -> NDArray[np.float64]:
        assert a.shape == b.shape
        return np.full(len(a), a.shape[1], np.float64)


def test_diversity_is_of_what_differs_alone(data: TrainingData, judges: Judges) -> None:
    drawn = draws(CONFIG, data, data.split.test, TEST_SEED)
    sheet = score(even(lambda ym, z: torch.tanh(z[:, 0])), CONFIG, data, judges)
    one, other = (np.rint((np.tanh(d.noise[:, 0]) + 1) * 127.5) for d in (drawn.first, drawn.other_noise))
    assert sheet.clips["diversity_noise"] == pytest.approx(np.abs(one - other) / 255, abs=1.01 / 255)
    assert set(sheet.clips["diversity_velocity"]) == {0.0}

    sheet = score(even(lambda ym, z: ym[:, 0, -1]), CONFIG, data, judges)
    one, other = (
        np.rint((data.velocity[d.velocity_of, 0, -1] + 1) * 127.5) for d in (drawn.first, drawn.other_velocity)
    )
    assert sheet.clips["diversity_velocity"] == pytest.approx(np.abs(one - other) / 255, abs=1.01 / 255)
    assert set(sheet.clips["diversity_noise"]) == {0.0}


def test_identity_is_that_of_training(data: TrainingData, judges: Judges) -> None:
    assert judges.identity is not None
    generator = some_generator()
    sheet = score(generator, CONFIG, data, judges)
    expected = identity_kept(generator, CONFIG, data, judges.identity)
    assert np.mean(sheet.clips["identity"]) == pytest.approx(expected)
    assert not score(generator, CONFIG, data, replace(judges, identity=None)).clips.keys() & {"identity"}


class Brightness:
    """Stands for a perceptual distance and for video features: both are of the mean value."""

    digest = "brightness"

    def __call__(self, a: NDArray[np.uint8], b: NDArray[np.uint8], /) -> NDArray[np.float64]:
        return np.abs(self.features(a)[:, 0] - self.features(b)[:, 0])

    def features(self, video: NDArray[np.uint8], /) -> NDArray[np.float64]:
        means: NDArray[np.float64] = video.mean(axis=(1, 2, 3, 4))
        return np.stack([means, -means], axis=1)


def test_networks_that_the_user_gives_are_asked(data: TrainingData, judges: Judges) -> None:
    plain = Brightness()
    with_both = replace(judges, lpips=plain, fvd=plain, real={})
    sheet = score(copier(), CONFIG, data, with_both, chunk=5)
    real = data.clips.frames[data.split.test]
    still = np.repeat(real[:, :1], CONFIG.model.frames - 1, axis=1)
    assert sheet.clips["lpips"] == pytest.approx(plain(still, real[:, 1:]))
    # One feature and its negative: twice the distance of one, (difference of means)^2 + (difference of deviations)^2.
    a, b = (plain.features(video)[:, 0] for video in (still, real[:, 1:]))
    expected = 2 * ((a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2)
    assert sheet.numbers["fvd"] == pytest.approx(expected, abs=1e-9)
    both = references(CONFIG, data, with_both)
    assert both[STILL].numbers["fvd"] == pytest.approx(expected, abs=1e-9)
    assert "fvd" in both[REAL].numbers
    assert "lpips" not in both[REAL].clips


def test_scoring_ends_where_it_is_asked_to(data: TrainingData, judges: Judges) -> None:
    """Before any batch of any draw: four over the test clips, then those of identity."""
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    score(copier(), CONFIG, data, replace(judges, identity=None), check_pause=count, batch=4)
    assert calls == 4 * -(-len(data.split.test) // 4)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(copier(), CONFIG, data, judges, check_pause=stop)


def test_own_velocities_as_a_reading_are_scored_too(data: TrainingData, judges: Judges) -> None:
    own = replace(CONFIG, readings=replace(CONFIG.readings, test_velocity="own"))
    drawn = draws(own, data, data.split.test, TEST_SEED)
    assert drawn.first.velocity_of.tolist() == data.split.test.tolist()
    assert conditions_of(own, data, data.split.test, TEST_SEED).noise.tolist() == drawn.first.noise.tolist()
    assert score(copier(), own, data, judges).label == tuple(data.clips.label[data.split.test])


def test_likeness_is_with_the_clips_own_velocities(data: TrainingData, judges: Judges) -> None:
    sheet = score(even(lambda ym, z: ym[:, 0, -3]), CONFIG, data, judges)
    for row, clip in enumerate(data.split.test):
        made = np.rint((data.velocity[clip, 0, -3].astype(float) + 1) * 127.5)
        error = np.square(data.clips.frames[clip, 1:] - made).mean(axis=(1, 2, 3))
        assert sheet.clips["psnr"][row] == pytest.approx((10 * np.log10(255**2 / error)).mean())


def test_small_clips_are_scored_on_one_thread(data: TrainingData, judges: Judges) -> None:
    before, during = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        score(copier(), CONFIG, data, judges, check_pause=lambda: during.append(torch.get_num_threads()))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(during) == {1}
