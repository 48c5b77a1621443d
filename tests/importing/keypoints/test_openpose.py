"""OpenPose's JSON files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

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
    assert table.remarks == ("read as OpenPose's", "1 frames have several people, of whom the clearest is used")
