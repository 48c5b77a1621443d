"""The pose estimator: a program of its own, run with the Python of an environment that has mediapipe.

It stands alone (mediapipe needs an older numpy than this project) and imports nothing of it.
`amc.importing.pose.pose` starts it
and talks to it over standard input and output; another estimator takes its place by doing the same:

1. The worker writes one line of JSON: `{"protocol": 1, "estimator": "...", "keypoints": ["head", ...]}`. The
   estimator's text names everything that its results depend on.
2. For each video it reads one line of JSON, `{"height": H, "width": W, "frames": n}`, and then n frames of H x W x 3
   bytes, RGB. It may use earlier frames of the same video.
3. After each frame it writes one line of JSON: `null` where it finds nobody, else a list with `[x, y, visibility]` for
   each keypoint: pixels of the frame it was given, the centre of the top-left pixel being (0, 0), and a visibility
   from 0 to 1.
4. It ends when its standard input does.

Points are the nine joints of NATOPS; left and right are the subject's own.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO

PROTOCOL = 1

# Each joint is a weighted mean of BlazePose's landmarks, in place and in visibility: 0 nose, 7/8 left/right ear,
# 11/12 shoulders, 13/14 elbows, 15/16 wrists, 23/24 hips. The head's centre lies between nose and ears; chest and
# navel lie at a quarter and at three quarters of the way from mid-shoulder to mid-hip.
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

# The one model that the package carries; the other two are downloaded.
MODEL_COMPLEXITY = 1


def joints(landmarks: Any, height: int, width: int) -> list[list[float]]:
    """[x, y, visibility] of each of `JOINTS`, from landmarks whose x and y run from 0 to 1 over the frame."""
    rows = []
    for weights in JOINTS.values():
        x = sum(w * landmarks[i].x for i, w in weights.items()) * width - 0.5
        y = sum(w * landmarks[i].y for i, w in weights.items()) * height - 0.5
        visibility = sum(w * landmarks[i].visibility for i, w in weights.items())
        rows.append([round(x, 4), round(y, 4), round(visibility, 4)])
    return rows


def main() -> None:
    """Serves standard input and output until the input ends."""
    # The libraries' own messages must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)

    import mediapipe
    import numpy as np
    from mediapipe.python.solutions.pose import Pose

    def say(answer: object) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    estimator = f"mediapipe {mediapipe.__version__} pose, model complexity {MODEL_COMPLEXITY}, smoothed landmarks"
    say({"protocol": PROTOCOL, "estimator": estimator, "keypoints": list(JOINTS)})
    source = sys.stdin.buffer
    while header := source.readline():
        video = json.loads(header)
        height, width = video["height"], video["width"]
        # A new one for each video: it follows the body from frame to frame.
        with Pose(static_image_mode=False, model_complexity=MODEL_COMPLEXITY, smooth_landmarks=True) as pose:
            for _ in range(video["frames"]):
                data = _exactly(source, height * width * 3)
                found = pose.process(np.frombuffer(data, dtype=np.uint8).reshape(height, width, 3)).pose_landmarks
                say(None if found is None else joints(found.landmark, height, width))


def _exactly(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) != size:
        raise EOFError("the frames end in the middle of a video")
    return data


if __name__ == "__main__":
    main()
