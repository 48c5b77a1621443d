"""Who measures: judges that the settings ask for, their digest, and a sheet's headline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from amc.errors import UserError
from amc.evaluation.score_sheet import ScoreSheet
from amc.evaluation.scores import test_judges as judges
from amc.evaluation.scores.headline import headline
from amc.evaluation.scores.test_judges import Judges, cached_judges, has_subjects
from tests.evaluation.scores.known import toy_judges
from tests.toy import toy_clips, toy_config, toy_data

CONFIG = toy_config()
DATA = toy_data()


class Given:
    """Stands for a network of whose weights the user gave a file."""

    def __init__(self, digest: str) -> None:
        self.digest = digest

    def __call__(self, a: NDArray[np.uint8], b: NDArray[np.uint8], /) -> NDArray[np.float64]:
        return np.zeros(len(a))

    def features(self, video: NDArray[np.uint8], /) -> NDArray[np.float64]:
        return np.zeros((len(video), 2))


def test_the_digest_tells_every_change_of_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = toy_judges(CONFIG, DATA)
    assert plain.identity is not None
    ways = [
        plain,
        replace(plain, motion=plain.second),
        replace(plain, second=plain.motion),
        replace(plain, identity=None),
        replace(plain, identity=replace(plain.identity, key="another")),
        replace(plain, lpips=Given("a")),
        replace(plain, lpips=Given("b")),
        replace(plain, fvd=Given("a")),
    ]
    digests = [way.scorer() for way in ways]
    monkeypatch.setattr(judges, "VERSION", 1_000)
    digests.append(plain.scorer())
    assert len(set(digests)) == len(digests)
    monkeypatch.undo()
    assert toy_judges(CONFIG, DATA).scorer() == digests[0]


def test_data_without_subjects_have_no_subject_classifier() -> None:
    clips = toy_clips()
    unknown = toy_data(clips=clips)
    unknown = replace(unknown, clips=replace(clips, subject=np.full_like(clips.subject, -1)))
    assert has_subjects(DATA)
    assert not has_subjects(unknown)
    found = cached_judges(CONFIG, unknown, classifier_seed=0)
    assert found.identity is None
    assert isinstance(found, Judges)
    assert (found.motion.seed, found.second.seed) == (0, 1)


@pytest.mark.parametrize("name", ["lpips", "fvd"])
def test_a_file_of_weights_that_is_not_there_is_said(name: str, tmp_path: Path) -> None:
    clips = toy_clips()
    unknown = replace(DATA, clips=replace(clips, subject=np.full_like(clips.subject, -1)))
    with pytest.raises(UserError, match=r"weights\.safetensors"):
        cached_judges(CONFIG, unknown, classifier_seed=0, **{name: str(tmp_path / "weights.safetensors")})  # type: ignore[arg-type]


def test_the_headline_of_a_sheet() -> None:
    sheet = ScoreSheet(
        label=(0, 1, 1, 0),
        subject=(3, 3, 4, 4),
        predicted=(0, 1, 0, 1),
        predicted_second=(0, 1, 1, 1),
        clips={"psnr": (10.0, 20.0, 30.0, 40.0), "identity": (1.0, 0.5)},
        frames={"psnr": (25.0,)},
        numbers={"frechet_distance": 3.5, "features": 4.0},
    )
    assert headline(sheet) == {
        "test/accuracy": 0.5,
        "test/clips": 4.0,
        "test/correct": 2.0,
        "test/second_accuracy": 0.75,
        "test/psnr": 25.0,
        "test/identity": 0.75,
        "test/frechet_distance": 3.5,
    }
    assert "validation/accuracy" in headline(replace(sheet, predicted_second=()), "validation")
    assert "test/second_accuracy" not in headline(replace(sheet, predicted_second=()))
