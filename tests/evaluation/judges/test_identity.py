"""Identity kept: what the subject classifier learns from, what it looks at, and what it says of known generators.

In the clips here three training subjects are a red, a green and a blue square, each before a grey of its own; the one
valid keypoint is the square's centre.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from amc.data.clips import Clips
from amc.data.conditions import to_frames
from amc.data.splits import Split
from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.judges import identity
from amc.evaluation.judges.identity import (
    IdentityClassifier,
    IdentityRecipe,
    cached_identity_classifier,
    identity_clips,
    identity_evaluation,
    identity_kept,
    predict,
    scored_frames,
)
from amc.evaluation.judges.standard import identity_classifier
from amc.evaluation.judges.subject_frames import Augmentation, Subjects, augmented, divide, painted_over, performer
from amc.models.generator import Generator
from amc.models.subject_classifier import SubjectClassifier
from amc.training.loop import train
from tests.toy import toy_clips, toy_config, toy_data

CONFIG = toy_config(steps=2)
QUICK = IdentityRecipe(steps=150, batch=32, report_every=50)
STILL = Augmentation(shift=0, light=0, soft=0, noise=0)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    plain = toy_data(clips=toy_clips(subjects=5, repetitions=6))
    clips = plain.clips
    trained = np.unique(clips.subject[plain.split.train])
    assert len(trained) == 3
    frames = clips.frames.copy()
    for i in range(len(frames)):
        colour = np.full(3, 30, np.uint8)
        colour[int(np.searchsorted(trained, clips.subject[i])) % 3] = 230
        frames[i][frames[i, ..., 0] == 230] = colour
    valid = clips.keypoints_valid.copy()
    valid[..., 1] = False
    return replace(plain, clips=replace(clips, frames=frames, keypoints_valid=valid))


@pytest.fixture(scope="module")
def classifier(data: TrainingData) -> IdentityClassifier:
    return cached_identity_classifier(CONFIG, data, recipe=QUICK)


def turned(frames: Tensor) -> Tensor:
    """Red becomes green, green blue, blue red; grey stays."""
    return frames.roll(1, dims=-3)


class Painter(nn.Module):
    """Stands for a generator: repeats its first frame, turned in the frames of `others` (0 is x_2)."""

    def __init__(self, others: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.others = others

    def forward(self, ya: Tensor, ym: Tensor, z: Tensor) -> Tensor:
        return torch.stack([turned(ya) if t in self.others else ya for t in range(ym.shape[1])], dim=1)


def test_real_subjects_are_recognised(data: TrainingData, classifier: IdentityClassifier) -> None:
    assert classifier.real_accuracy >= 0.95
    assert classifier.chance == pytest.approx(1 / 3)
    held = classifier.subjects.held_out
    right = identity.subject_recognised(classifier, data, held, scored_frames(data.clips.frames[held], CONFIG))
    assert right.shape == (len(held), 4)
    assert float(right.mean()) == classifier.real_accuracy


@pytest.mark.parametrize(
    ("others", "kept"),
    [
        pytest.param((), 1.0, id="first frame repeated"),
        pytest.param(tuple(range(7)), 0.0, id="another performer, the background kept"),
        pytest.param((5, 6), 0.5, id="lost in the last two of four scored frames"),
        pytest.param((0, 1, 2), 1.0, id="x_2 to x_4 are not scored"),
    ],
)
def test_known_generators(
    data: TrainingData, classifier: IdentityClassifier, others: tuple[int, ...], kept: float
) -> None:
    assert identity_kept(Painter(others), CONFIG, data, classifier) == pytest.approx(kept, abs=0.05)


def test_a_generator_that_shows_one_subject_alone_is_at_chance(
    data: TrainingData, classifier: IdentityClassifier
) -> None:
    class Same(Painter):
        def forward(self, ya: Tensor, ym: Tensor, z: Tensor) -> Tensor:
            one = torch.full_like(ya[0], -0.5)
            one[0, 4:7, 2:5] = 0.8
            return one.expand(len(ya), ym.shape[1], -1, -1, -1)

    assert identity_kept(Same(), CONFIG, data, classifier) == pytest.approx(1 / 3, abs=0.05)


def test_clips_of_the_judgement_are_held_out_and_balanced(data: TrainingData, classifier: IdentityClassifier) -> None:
    subjects = classifier.subjects
    chosen = identity_clips(data, subjects, 0)
    assert set(chosen) <= set(subjects.held_out) <= set(data.split.train)
    assert np.array_equal(chosen, identity_clips(data, subjects, 0))
    fewer = replace(data, split=replace(data.split, validation=data.split.validation[:4]))
    counts = np.bincount(subjects.classes(data.clips, identity_clips(fewer, subjects, 0)))
    assert sorted(counts) == [1, 1, 2]


def test_held_out_clips_are_never_learnt_from(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path))
    seen: set[int] = set()

    def watched(clips: Clips, chosen: NDArray[np.int64], pool: NDArray[np.int64], *rest: object) -> Tensor:
        seen.update(chosen.tolist(), pool.tolist())
        return augmented(clips, chosen, pool, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(identity, "augmented", watched)
    made = cached_identity_classifier(CONFIG, data, recipe=replace(QUICK, steps=20))
    sources = data.clips.source_clip
    held = set(sources[made.subjects.held_out])
    assert seen == set(made.subjects.fit)
    assert not held & set(sources[sorted(seen)])
    assert set(made.subjects.fit) | set(made.subjects.held_out) == set(data.split.train)


def test_second_time_it_is_read_not_trained(
    data: TrainingData, classifier: IdentityClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(identity, "_train", never)
    again = cached_identity_classifier(CONFIG, data, recipe=QUICK)
    assert again.details == classifier.details
    for name, tensor in classifier.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name])
    assert not again.network.training
    assert not any(p.requires_grad for p in again.network.parameters())


def test_same_seed_same_weights_whatever_the_threads_and_the_callers_randomness(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(QUICK, steps=20)
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            torch.manual_seed(threads)
            expected = torch.rand(3)
            torch.manual_seed(threads)
            monkeypatch.setenv("AMC_CACHE", str(tmp_path / str(threads)))
            found.append(cached_identity_classifier(CONFIG, data, recipe=short).details["digest"])
            assert torch.equal(torch.rand(3), expected)
    finally:
        torch.set_num_threads(1)
    assert found[0] == found[1]
    assert cached_identity_classifier(CONFIG, data, recipe=short, seed=1).details["digest"] != found[0]


def test_the_key_holds_all_that_matters(data: TrainingData) -> None:
    subjects = divide(data.clips, data.split, QUICK.held_out)

    def facts(config: object = CONFIG, data: TrainingData = data, seed: int = 0, recipe: IdentityRecipe = QUICK) -> str:
        return str(identity._facts(config, data, subjects, seed, recipe))  # type: ignore[arg-type]

    fingerprint = replace(data.clips, info=replace(data.clips.info, fingerprint="f" * 64))
    changes = [
        facts(),
        facts(seed=1),
        facts(recipe=replace(QUICK, augmentation=STILL)),
        facts(config=replace(CONFIG, model=replace(CONFIG.model, discarded_frames=5))),
        facts(data=replace(data, clips=fingerprint)),
        facts(data=replace(data, split=replace(data.split, train=data.split.train[1:]))),
    ]
    assert len(set(changes)) == len(changes)
    # What only the training of the generator sees does not count.
    assert facts(config=replace(CONFIG, seed=9)) == facts()


def test_identity_does_not_depend_on_batches_and_repeats(data: TrainingData, classifier: IdentityClassifier) -> None:
    torch.manual_seed(0)
    generator = Generator(CONFIG)
    one = identity_kept(generator, CONFIG, data, classifier)
    assert identity_kept(generator, CONFIG, data, classifier) == one
    assert generator.training  # left as it was
    halves = Painter((5, 6))
    assert identity_kept(halves, CONFIG, data, classifier, batch=2) == identity_kept(halves, CONFIG, data, classifier)


@settings(max_examples=20, deadline=None)
@given(drawn=st.data())
def test_a_frames_logits_do_not_depend_on_its_company(drawn: st.DataObject) -> None:
    torch.manual_seed(0)
    network = SubjectClassifier(16, 3)
    frames = np.random.default_rng(1).integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)
    together = predict(network, frames, batch=4)
    chosen = np.array(drawn.draw(st.lists(st.integers(0, 8), min_size=1, max_size=12)))
    assert np.array_equal(predict(network, frames[chosen], batch=4), together[chosen])
    assert np.allclose(predict(network, frames[chosen], batch=5), together[chosen], atol=1e-5)
    assert predict(network, frames[:0]).shape == (0, 3)
    assert network.training


@pytest.mark.parametrize(("size", "left"), [(16, 4), (32, 4), (64, 4), (100, 7)])
def test_layers_end_at_a_small_map(size: int, left: int) -> None:
    network = SubjectClassifier(size, 5)
    frames = torch.zeros(2, 3, size, size)
    assert network.embed(frames).shape[2:] == (left, left)
    assert network(frames).shape == (2, 5)


def _people(subject: list[int], source: list[int]) -> tuple[Clips, Split]:
    few = SimpleNamespace(subject=np.array(subject, np.int64), source_clip=np.array(source, np.int64))
    nothing = np.zeros(0, np.int64)
    return few, Split(np.arange(len(subject), dtype=np.int64), nothing, nothing, "random", 0)  # type: ignore[return-value]


def test_divide_by_hand() -> None:
    """Subject 4 has three sources, one of them in two copies; 7 has two; 5 has one alone; -1 is nobody."""
    clips, split = _people([4, 4, 4, 4, 7, 7, 5, 5, -1, -1], [0, 0, 1, 2, 3, 4, 5, 5, 6, 7])
    subjects = divide(clips, split, 1 / 3)
    assert subjects.known.tolist() == [4, 7]
    assert set(subjects.fit) | set(subjects.held_out) == set(range(6))
    assert len(np.unique(clips.source_clip[subjects.held_out])) == 2  # one a subject
    assert subjects.classes(clips, np.array([5, 0])).tolist() == [1, 0]


@given(st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 4)), min_size=1, max_size=40), st.floats(0, 1))
def test_divide_holds_out_whole_sources_of_every_subject(rows: list[tuple[int, int]], share: float) -> None:
    subject, source = [s for s, _ in rows], [10 * s + m for s, m in rows]
    clips, split = _people(subject, source)
    many = {s for s in subject if s >= 0 and len({m for t, m in rows if t == s}) >= 2}
    if len(many) < 2:
        with pytest.raises(UserError, match="at least two are needed"):
            divide(clips, split, share)
        return
    found = divide(clips, split, share)
    for part in (found.fit, found.held_out):
        assert set(clips.subject[part]) == many == set(found.known)
    assert not set(clips.source_clip[found.fit]) & set(clips.source_clip[found.held_out])
    # Positions do not matter.
    back, _ = _people(subject[::-1], source[::-1])
    again = divide(back, split, share)
    assert set(back.source_clip[again.held_out]) == set(clips.source_clip[found.held_out])


@pytest.mark.parametrize("nobody", [-1, 3])
def test_data_without_subjects_is_a_clear_error_before_anything_is_made(
    nobody: int, data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path))
    unknown = replace(data, clips=replace(data.clips, subject=np.full_like(data.clips.subject, nobody)))
    with pytest.raises(UserError, match=r"--subject-pattern.*remove appearance") as caught:
        identity_classifier(CONFIG, unknown)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_performer_by_hand() -> None:
    points = np.array([[[2, 1], [4, 4]], [[2, 1], [4, 4]], [[2, 1], [4, 4]]], np.float32)
    valid = np.array([[True, True], [True, False], [False, False]])
    near = performer(points, valid, 5, 1.0)
    cross = {(1, 1), (1, 2), (1, 3), (0, 2), (2, 2)}  # (y, x)
    corner = {(4, 4), (3, 4), (4, 3)}
    assert [set(zip(*np.nonzero(n), strict=True)) for n in near[:2]] == [cross | corner, cross]
    assert near[2].all()


def test_painted_over_by_hand() -> None:
    frames = np.array([[10, 20, 90], [10, 20, 90]], np.uint8)[:, None, :, None].repeat(3, axis=3)
    where = np.array([[False, False, True], [True, True, True]])[:, None]
    assert painted_over(frames, where)[..., 0].tolist() == [[[10, 20, 15]], [[40, 40, 40]]]


def test_the_performer_is_shown_before_anybodys_background(data: TrainingData) -> None:
    clips, draw = data.clips, np.random.default_rng(0)
    chosen = data.split.train[:1].repeat(60)
    pool = data.split.train
    shown = to_frames(augmented(clips, chosen, pool, STILL, draw))
    colour = clips.frames[chosen[0]].max(axis=(0, 1, 2))  # of the square, since all greys are darker
    colour[colour < 230] = 30
    greys = {int(g) for g in clips.frames[pool, 0, 0, 0, 0]}
    assert {int(frame[0, 0, 0]) for frame in shown} == greys
    assert all((frame == colour).all(axis=-1).sum() == 9 for frame in shown)
    assert all((frame >= 230).any(axis=-1).sum() == 9 for frame in shown)  # nobody else's square
    # Without a single valid keypoint the whole frame is the performer.
    blind = replace(clips, keypoints_valid=np.zeros_like(clips.keypoints_valid))
    for frame in to_frames(augmented(blind, chosen, pool, STILL, draw)):
        assert any(np.array_equal(frame, real) for real in clips.frames[chosen[0]])


def test_augmentation_stays_in_range(data: TrainingData) -> None:
    strong = Augmentation(light=0.9, noise=1.0)
    frames = augmented(data.clips, data.split.train, data.split.train, strong, np.random.default_rng(0))
    assert frames.shape == (len(data.split.train), 3, 16, 16)
    assert float(frames.min()) == -1.0
    assert float(frames.max()) == 1.0


def test_progress_is_told(data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path))
    told: list[tuple[object, ...]] = []
    cached_identity_classifier(CONFIG, data, recipe=QUICK, progress=lambda *call: told.append(call))
    assert [call[:2] for call in told] == [(50, 150), (100, 150), (150, 150)]
    assert "accuracy on held-out clips" in str(told[-1][2])


def test_a_training_run_reports_it_at_every_look(
    data: TrainingData, classifier: IdentityClassifier, tmp_path: Path
) -> None:
    looks: list[Mapping[str, float]] = []

    def report(step: int, metrics: Mapping[str, float]) -> bool:
        looks.append(metrics)
        return True

    config = toy_config(steps=2, evaluate_every=1)
    evaluations = [identity_evaluation(classifier)]
    train(config, data, directory=tmp_path, report=report, evaluations=evaluations)
    assert len(looks) == 2
    assert all(0 <= look["val/appearance"] <= 1 for look in looks)
    assert identity_evaluation(classifier)(
        SimpleNamespace(generator=Painter(), config=config, data=data), lambda: None
    ) == {"val/appearance": identity_kept(Painter(), config, data, classifier)}


def test_classes_are_the_subjects_in_order(data: TrainingData) -> None:
    subjects = Subjects(np.array([2, 5, 9]), np.zeros(0, np.int64), np.zeros(0, np.int64))
    clips = replace(data.clips, subject=np.array([9, 2, 5, 5], np.int64))
    assert subjects.classes(clips, np.array([0, 1, 3])).tolist() == [2, 0, 1]
