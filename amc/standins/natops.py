"""The procedural stand-in for NATOPS: 20 subjects perform the 24 gestures, balanced and deterministic."""

from __future__ import annotations

from amc.data.datasets.natops import GESTURE_NAMES, KEYPOINT_NAMES, PAIRS
from amc.standins.body.kinematics import CROP
from amc.standins.stand_in import StandIn

GENERATOR_VERSION = 1
STAND_IN = StandIn(
    name="natops",
    version=GENERATOR_VERSION,
    class_names=GESTURE_NAMES,
    keypoint_names=KEYPOINT_NAMES,
    pairs=PAIRS,
    largest=CROP,
    least_frames=2,
    generator="amc.standins.body.clip",
)
recipe, synthesize = STAND_IN.recipe, STAND_IN.synthesize
