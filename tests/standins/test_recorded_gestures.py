"""The stand-in for NATOPS against recorded joint tracks of its first six gestures, which the project has not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from amc.standins.body.clip import draw_repetition
from amc.standins.body.gestures import GESTURES
from amc.standins.body.kinematics import perform
from amc.standins.body.subjects import subject

FOLDER = os.environ.get("AMC_RECORDED_GESTURES")
LABELS, FRAMES = 6, 16

pytestmark = pytest.mark.skipif(
    not FOLDER, reason="AMC_RECORDED_GESTURES names no folder with the .ts files of NATOPS in the UEA archive"
)


@pytest.fixture(scope="module")
def recorded() -> tuple[np.ndarray, np.ndarray]:
    """(n, T, 4, 2) left elbow, right elbow, left wrist and right wrist, x and y as a camera sees them; labels (n,)."""
    lines = [
        line
        for file in sorted(Path(str(FOLDER)).glob("*.ts"))
        for line in file.read_text(encoding="latin1").lower().partition("@data")[2].split()
    ]
    rows = [line.split(":") for line in lines]
    series = np.array([[[float(v) for v in row.split(",")] for row in fields[:-1]] for fields in rows])
    points = series.reshape(len(rows), 8, 3, -1).transpose(0, 3, 1, 2)
    at = np.linspace(0, points.shape[1] - 1, FRAMES).round().astype(int)
    return -points[:, at, 2:6, :2], np.array([int(float(fields[-1])) - 1 for fields in rows])


@pytest.fixture(scope="module")
def made() -> tuple[np.ndarray, np.ndarray]:
    """The same of four repetitions of each gesture by 60 performers, in widths of the shoulders."""
    tracks, labels = [], []
    for number in range(60):
        who = subject(number, 0)
        for label in range(LABELS):
            for repetition in range(4):
                index = 1000 * repetition + 24 * number + label
                variation = draw_repetition(index, 0, who.style).variation
                joints = perform(GESTURES[label], who.build, variation, FRAMES).joints[..., :2]
                width = np.linalg.norm(joints[:, 3] - joints[:, 4], axis=-1).mean()
                tracks.append((joints[:, 5:9] - joints[:, 3:5].mean(axis=1, keepdims=True)) / width)
                labels.append(label)
    return np.array(tracks), np.array(labels)


def features(tracks: np.ndarray) -> np.ndarray:
    """Displacements from the first frame, over the mean of the largest."""
    moved = tracks - tracks[:, :1]
    return np.asarray((moved / np.abs(moved).max(axis=(1, 2, 3)).mean()).reshape(len(moved), -1))


@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(300, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)),
    ],
    ids=["forest", "logistic regression"],
)
def test_a_classifier_of_the_stand_in_names_recorded_gestures(
    recorded: tuple[np.ndarray, np.ndarray], made: tuple[np.ndarray, np.ndarray], classifier: ClassifierMixin
) -> None:
    (tracks, labels), (known, known_labels) = recorded, made
    classifier.fit(features(known), known_labels)
    assert classifier.score(features(tracks), labels) >= 0.7


def test_motion_ends_near_where_it_began(
    recorded: tuple[np.ndarray, np.ndarray], made: tuple[np.ndarray, np.ndarray]
) -> None:
    for tracks, _ in (recorded, made):
        moved = np.linalg.norm(tracks - tracks[:, :1], axis=-1).max(axis=-1)
        assert np.median(moved[:, -1] / moved.max(axis=1)) < 0.15
