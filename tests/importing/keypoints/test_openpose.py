"""OpenPose's JSON files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from amc.errors import UserError
from amc.importing.keypoints.reading import read_table


def test_openpose(tmp_path: Path) -> None:
    def person(x: float, confidence: float) -> dict[str, list[float]]:
        return {"pose_keypoints_2d": [x, 2.0, confidence, *[0.0, 0.0, 0.0] * 24]}

    (tmp_path / "wave").mkdir()
    for frame, people in enumerate([[person(1.5, 0.9)], [], [person(9, 0.2), person(3, 0.8)]]):
        path = tmp_path / "wave" / f"film_{frame:012d}_keypoints.json"
        path.write_text(json.dumps({"version": 1.3, "people": people}))
    table = read_table(tmp_path)
    assert (len(table.names), table.names[0], table.names[8]) == (25, "nose", "mid_hip")
    rows = table.videos["wave/film"]
    assert rows.frame.tolist() == [0, 2]
    np.testing.assert_array_equal(rows.points[:, 0], [[1.5, 2], [3, 2]])
    assert np.isnan(rows.points[:, 1:]).all()
    assert table.remarks == ("read as OpenPose output", "1 frames have several people, of whom the clearest is used")


@pytest.mark.parametrize(
    ("frame", "first", "said"),
    [
        (3, "1e300, 2, 0.9", "frame 3 of film: nose is at (1e+300, 2)"),
        (3, "Infinity, 2, 0.9", "frame 3 of film: nose is at (inf, 2)"),
        (3, "9" * 400 + ", 2, 0.9", "frame 3 of film: nose is at (inf, 2)"),
        (3, "9" * 5000 + ", 2, 0.9", "frame 3 of film: nose is at (inf, 2)"),
        (3, "NaN, 2, 0.9", "frame 3 of film: nose is at (nan, 2)"),
        (3, "1, 2, Infinity", "frame 3 of film: the confidence is infinite"),
        (10**10, "1, 2, 0.9", "film has a frame 10000000000: count frames from 0, up to 2147483647"),
        (3, "[" * 100_000, "not an OpenPose body keypoint file (maximum recursion depth exceeded"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, frame: int, first: str, said: str) -> None:
    content = f'{{"people": [{{"pose_keypoints_2d": [{first}{", 0, 0, 0" * 24}]}}]}}'
    (tmp_path / f"film_{frame:012d}_keypoints.json").write_text(content)
    with pytest.raises(UserError) as caught:
        read_table(tmp_path)
    assert str(caught.value).startswith(str(tmp_path))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
