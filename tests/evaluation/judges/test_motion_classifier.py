from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from amc.config import Config, DatasetSpec, configure, natops, with_overrides
from amc.data.clipfile import ClipInfo
from amc.data.clips import Clips
from amc.data.splits import Split, make_split
from amc.errors import UserError
from amc.evaluation.judges import motion_classifier as classifier
from amc.evaluation.judges.judge_cache import randomly_shifted
from amc.evaluation.judges.motion_classifier import (
    ClassifierRecipe,
    TrainedClassifier,
    accuracy,
    cached_classifier,
    predict,
)
from amc.models.motion_classifier import MotionClassifier

QUICK = ClassifierRecipe(steps=120, batch=16, evaluate_every=20, patience=3, faultless=2)
LENGTH, SIZE = 8, 16
ROOT = Path(__file__).resolve().parents[3]


def _config() -> Config:
    return configure("squares", "smoke", spec=DatasetSpec("squares", classes=2, keypoints=1))


def _clips(count: int = 120, fingerprint: str = "a" * 64) -> Clips:
    """A bright square that goes right (class 0) or down (class 1) from anywhere, on a background of noise."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 60, (count, LENGTH, SIZE, SIZE, 3), dtype=np.uint8)
    label = np.arange(count, dtype=np.int64) % 2
    for clip, where, down in zip(frames, rng.integers(0, 5, (count, 2)), label, strict=True):
        for t in range(LENGTH):
            y, x = where + np.array([t * down, t * (1 - down)])
            clip[t, y : y + 4, x : x + 4] = 230
    info = ClipInfo("squares", "folder", ("right", "down"), ("square",), (), {"tool": "test"}, fingerprint)
    nothing = np.zeros((count, LENGTH, 1, 2), np.float32)
    return Clips(
        frames=frames,
        keypoints=nothing,
        keypoints_valid=np.ones((count, LENGTH, 1), bool),
        label=label,
        subject=np.arange(count, dtype=np.int64) // 12,
        source_clip=np.arange(count, dtype=np.int64),
        info=info,
        reduction="",
    )


def _split(clips: Clips) -> Split:
    return make_split(clips.label, clips.subject, clips.source_clip, seed=0)


@pytest.fixture(scope="module")
def clips() -> Clips:
    return _clips()


@pytest.fixture(scope="module")
def trained(clips: Clips) -> TrainedClassifier:
    return cached_classifier(clips, _split(clips), _config(), recipe=QUICK)


def test_learns_motion_that_no_frame_shows(clips: Clips, trained: TrainedClassifier) -> None:
    assert trained.chance == 0.5
    assert trained.validation_accuracy >= 0.95
    assert trained.test_accuracy >= 0.9
    split = _split(clips)
    logits = predict(trained.network, clips.frames[split.test], LENGTH)
    assert accuracy(logits, clips.label[split.test]) == trained.test_accuracy


def test_first_frames_give_nothing_away(clips: Clips) -> None:
    still = cached_classifier(clips, _split(clips), _config(), recipe=QUICK, shown="first frames")
    assert 0.2 <= still.test_accuracy <= 0.8


def test_network_is_frozen_and_in_eval_mode(trained: TrainedClassifier) -> None:
    assert not trained.network.training
    assert not any(p.requires_grad for p in trained.network.parameters())


def test_second_time_it_is_read_not_trained(
    clips: Clips, trained: TrainedClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(classifier, "_train", never)
    again = cached_classifier(clips, _split(clips), _config(), recipe=QUICK)
    assert again.details == trained.details
    for name, tensor in trained.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name])


def test_same_seed_same_weights_other_seed_other_weights(
    clips: Clips, trained: TrainedClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path))
    same = cached_classifier(clips, _split(clips), _config(), recipe=QUICK)
    second = cached_classifier(clips, _split(clips), _config(), recipe=QUICK, seed=1)
    assert same.details["digest"] == trained.details["digest"]
    assert second.key != trained.key
    assert second.details["digest"] != trained.details["digest"]
    assert second.test_accuracy >= 0.9


def test_weights_do_not_depend_on_the_number_of_threads(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            monkeypatch.setenv("AMC_CACHE", str(tmp_path / str(threads)))
            made = cached_classifier(clips, _split(clips), _config(), recipe=replace(QUICK, steps=20))
            found.append(made.details["digest"])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(1)
    assert found[0] == found[1]


def test_training_leaves_the_callers_random_state_alone(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    cached_classifier(clips, _split(clips), _config(), recipe=replace(QUICK, steps=2))
    assert torch.equal(torch.rand(3), expected)


def test_the_key_holds_all_that_matters(clips: Clips) -> None:
    split = _split(clips)
    base = (clips, split, _config(), 0, "clips", QUICK)

    def facts(**change: object) -> dict[str, object]:
        names = ("clips", "split", "config", "seed", "shown", "recipe")
        return classifier._facts(*[change.get(name, value) for name, value in zip(names, base, strict=True)])  # type: ignore[arg-type]

    other_model = replace(_config(), model=replace(_config().model, classifier_width=1.0))
    changes = [
        facts(),
        facts(seed=1),
        facts(shown="first frames"),
        facts(recipe=replace(QUICK, version=2)),
        facts(config=other_model),
        facts(config=with_overrides(_config(), {"model.discarded_frames": 5})),
        facts(split=replace(split, seed=1)),
        facts(split=replace(split, train=split.train[1:])),
        facts(clips=_clips(fingerprint="b" * 64)),
        facts(clips=replace(clips, reduction="9 to 8 frames (first)")),
    ]
    assert len({str(c) for c in changes}) == len(changes)
    # What only the training of the generator sees does not count.
    assert facts(config=replace(_config(), seed=9)) == facts()


def test_cache_file_is_safetensors_with_its_facts(
    clips: Clips, trained: TrainedClassifier, session_cache: Path
) -> None:
    path = session_cache / "classifiers" / f"{trained.key}.safetensors"
    with safe_open(path, "pt") as file:
        assert set(file.metadata()) == {"amc"}
    assert trained.details["fingerprint"] == clips.info.fingerprint
    assert trained.details["clips"] == {
        name: len(getattr(_split(clips), name)) for name in ("train", "validation", "test")
    }


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "empty"])
def test_a_damaged_cache_file_is_made_anew(
    damage: str, clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path))
    recipe = replace(QUICK, steps=2)
    first = cached_classifier(clips, _split(clips), _config(), recipe=recipe)
    path = tmp_path / "classifiers" / f"{first.key}.safetensors"
    content = path.read_bytes()
    damaged = {
        "truncated": content[:-7],
        "flipped": content[:-1] + bytes([content[-1] ^ 1]),
        "foreign": b"not a classifier",
        "empty": b"",
    }
    path.write_bytes(damaged[damage])
    again = cached_classifier(clips, _split(clips), _config(), recipe=recipe)
    assert again.details["digest"] == first.details["digest"]
    assert path.stat().st_size > len(content) - 20


def _make(cache: str, marks: str) -> None:
    os.environ["AMC_CACHE"] = cache
    torch.set_num_threads(1)
    train = classifier._train

    def counted(*args: object) -> object:
        Path(marks, str(os.getpid())).touch()
        return train(*args)  # type: ignore[arg-type]

    classifier._train = counted  # type: ignore[assignment]
    some = _clips()
    cached_classifier(some, _split(some), _config(), recipe=replace(QUICK, steps=40))


def test_several_processes_make_it_once(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    code = f"from tests.evaluation.judges.test_motion_classifier import _make; _make({str(tmp_path)!r}, {str(marks)!r})"
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(3)]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert len(list(marks.iterdir())) == 1


def test_progress_is_told(clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path))
    told: list[tuple[int, int, str]] = []
    cached_classifier(
        clips,
        _split(clips),
        _config(),
        recipe=replace(QUICK, steps=40),
        progress=lambda *call: told.append(call),  # type: ignore[misc]
    )
    assert [call[:2] for call in told] == [(20, 40), (40, 40), (40, 40)]
    assert "test accuracy" in told[-1][2]


def test_too_few_clips_is_a_clear_error(clips: Clips) -> None:
    split = replace(_split(clips), validation=np.zeros(0, np.int64))
    with pytest.raises(UserError, match="0 validation"):
        cached_classifier(clips, split, _config(), recipe=QUICK)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_clips_logits_do_not_depend_on_its_company(data: st.DataObject) -> None:
    torch.manual_seed(0)
    network = MotionClassifier(replace(natops().model, size=SIZE, frames=LENGTH, classifier_width=1 / 16), 3)
    frames = np.random.default_rng(1).integers(0, 256, (9, LENGTH, SIZE, SIZE, 3), dtype=np.uint8)
    together = predict(network, frames, LENGTH, batch=4)
    chosen = np.array(data.draw(st.lists(st.integers(0, 8), min_size=1, max_size=12)))
    assert np.array_equal(predict(network, frames[chosen], LENGTH, batch=4), together[chosen])
    assert np.allclose(predict(network, frames[chosen], LENGTH, batch=5), together[chosen], atol=1e-5)


def test_predict_takes_clips_without_the_first_frame_and_none_at_all() -> None:
    network = MotionClassifier(replace(natops().model, size=SIZE, frames=LENGTH, classifier_width=1 / 16), 3)
    frames = np.random.default_rng(1).integers(0, 256, (2, LENGTH, SIZE, SIZE, 3), dtype=np.uint8)
    assert np.array_equal(predict(network, frames[:, 1:], LENGTH), predict(network, frames, LENGTH))
    assert predict(network, frames[:0], LENGTH).shape == (0, 3)
    assert network.training  # left as it was


@pytest.mark.parametrize(("discarded", "seen"), [(4, {4, 5, 6, 7}), (5, {5, 6, 7})])
def test_predict_looks_at_the_frames_that_are_not_discarded(discarded: int, seen: set[int]) -> None:
    """R15."""
    torch.manual_seed(0)
    model = replace(natops().model, size=SIZE, frames=LENGTH, classifier_width=1 / 16, discarded_frames=discarded)
    network = MotionClassifier(model, 3)
    frames = np.random.default_rng(1).integers(0, 256, (1, LENGTH, SIZE, SIZE, 3), dtype=np.uint8)
    base = predict(network, frames, LENGTH, batch=1)
    changed = set()
    for t in range(LENGTH):
        other = frames.copy()
        other[:, t] = 255 - other[:, t]
        if not np.array_equal(predict(network, other, LENGTH, batch=1), base):
            changed.add(t)
    assert changed == seen


def test_accuracy_by_hand() -> None:
    logits = np.array([[1, 0, 0], [0, 2, 1], [0, 0, 3], [5, 0, 1]], np.float32)
    assert accuracy(logits, np.array([0, 1, 0, 0])) == 0.75


def test_shift_moves_each_clip_as_a_whole_and_repeats_its_border() -> None:
    ramp = torch.arange(5.0).view(1, 1, 1, 1, 5).expand(1, 2, 3, 5, 5)
    seen = set()
    for seed in range(20):
        moved = randomly_shifted(ramp, 1, np.random.default_rng(seed))
        assert moved.shape == ramp.shape
        assert torch.equal(moved[0, 0], moved[0, 1])
        seen.add(tuple(moved[0, 0, 0, 0].tolist()))
    assert seen == {(0, 0, 1, 2, 3), (0, 1, 2, 3, 4), (1, 2, 3, 4, 4)}
    assert randomly_shifted(ramp, 0, np.random.default_rng(0)) is ramp
