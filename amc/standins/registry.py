"""The stand-ins of the paper's two data sets, by name."""

from __future__ import annotations

from collections.abc import Mapping

from amc.data.datasets import mug, natops
from amc.standins.body.clip import make_clip as make_body_clip
from amc.standins.body.gestures import chosen_gestures
from amc.standins.body.kinematics import CROP
from amc.standins.body.subjects import SUBJECTS as BODY_SUBJECTS
from amc.standins.face.clip import CANVAS
from amc.standins.face.clip import make_clip as make_face_clip
from amc.standins.face.expressions import chosen_emotions
from amc.standins.face.subjects import SUBJECTS as FACE_SUBJECTS
from amc.standins.stand_in import StandIn

# Subjects perform the 24 gestures.
NATOPS = StandIn(
    name="natops",
    version=4,
    class_names=natops.GESTURE_NAMES,
    keypoint_names=natops.KEYPOINT_NAMES,
    pairs=natops.PAIRS,
    max_size=CROP,
    min_frames=8,  # with fewer, the movement may fall between two frames
    subjects=BODY_SUBJECTS,
    chosen=chosen_gestures,
    make_clip=make_body_clip,
)

# Subjects show the six emotions.
MUG = StandIn(
    name="mug",
    version=2,
    class_names=mug.EMOTIONS,
    keypoint_names=mug.KEYPOINT_NAMES,
    pairs=mug.PAIRS,
    max_size=CANVAS,
    min_frames=4,  # with fewer, the first frame would already show the expression
    subjects=FACE_SUBJECTS,
    chosen=chosen_emotions,
    make_clip=make_face_clip,
)

STAND_INS: Mapping[str, StandIn] = {stand_in.name: stand_in for stand_in in (NATOPS, MUG)}
