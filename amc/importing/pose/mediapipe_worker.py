"""The pose estimator: a program that runs with the Python of an environment that has mediapipe.

It imports nothing of this project, because mediapipe needs an older numpy. `amc.importing.pose.estimator` starts it and
exchanges messages with it through standard input and output. Another estimator can replace it with the same protocol:

1. The worker writes one line of JSON: `{"protocol": 1, "estimator": "...", "keypoints": ["head", ...]}`. The text
   under `estimator` names everything that its results depend on.
2. For each video it reads one line of JSON, `{"height": H, "width": W, "frames": n}`, and then n frames of H x W x 3
   bytes, RGB. It may use earlier frames of the same video.
3. After each frame it writes one line of JSON: `null` if it finds nobody, else a list with `[x, y, visibility]` for
   each keypoint. x and y are pixels of the frame, (0, 0) is the centre of the top-left pixel, and visibility is in
   [0, 1].
4. It exits when its standard input ends.

The points are the nine joints of NATOPS. Left and right are the subject's.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO

PROTOCOL = 1

# Position and visibility of each joint are weighted means over landmarks of BlazePose: 0 nose, 7/8 left/right ear,
# 11/12 shoulders, 13/14 elbows, 15/16 wrists, 23/24 hips. The head's centre is between nose and ears. Chest and navel
# are at a quarter and at three quarters of the way from mid-shoulder to mid-hip.
JOINTS: dict[str, dict[int, float]] = {
    "head": {0: 0.5, 7: 0.25, 8: 0.25},
    "chest": {11: 0.375, 12: 0.375, 23: 0.125, 24: 0.125},
    "navel": {11: 0.125, 12: 0.125, 23: 0.375, 24: 0.375},
    "left_shoulder": {11: 1.0},
    "right_shoulder": {12: 1.0},
    "left_elbow": {13: 1.0},
    "right_elbow": {14: 1.0},
    "left_wrist": {15: 1.0},
    "right_wrist": {16: 1.0},
}

# The only model inside the package; the other two would be downloaded.
MODEL_COMPLEXITY = 1


def joints(landmarks: Any, height: int, width: int) -> list[list[float]]:
    """[x, y, visibility] of each of `JOINTS`, from landmarks whose x and y range from 0 to 1 over the frame."""
    rows = []
    for weights in JOINTS.values():
        x = sum(w * landmarks[i].x for i, w in weights.items()) * width - 0.5
        y = sum(w * landmarks[i].y for i, w in weights.items()) * height - 0.5
        visibility = sum(w * landmarks[i].visibility for i, w in weights.items())
        rows.append([round(x, 4), round(y, 4), round(visibility, 4)])
    return rows


def main() -> None:
    """Answers on standard output until standard input ends."""
    # Output of libraries must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)

    import mediapipe
    import numpy as np
    from mediapipe.python.solutions.pose import Pose

    def send(answer: object) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    estimator = f"mediapipe {mediapipe.__version__} pose, model complexity {MODEL_COMPLEXITY}, smoothed landmarks"
    send({"protocol": PROTOCOL, "estimator": estimator, "keypoints": list(JOINTS)})
    source = sys.stdin.buffer
    while header := source.readline():
        video = json.loads(header)
        height, width = video["height"], video["width"]
        # One per video, because it tracks the body from frame to frame.
        with Pose(static_image_mode=False, model_complexity=MODEL_COMPLEXITY, smooth_landmarks=True) as pose:
            for _ in range(video["frames"]):
                data = _read_exactly(source, height * width * 3)
                found = pose.process(np.frombuffer(data, dtype=np.uint8).reshape(height, width, 3)).pose_landmarks
                send(None if found is None else joints(found.landmark, height, width))


def _read_exactly(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) != size:
        raise EOFError("standard input ended in the middle of a video")
    return data


if __name__ == "__main__":
    main()
