"""The procedural stand-in for MUG: 52 subjects show the six emotions, balanced and deterministic."""

from __future__ import annotations

from amc.data.datasets.mug import EMOTIONS, KEYPOINT_NAMES, PAIRS
from amc.standins.face.clip import CANVAS
from amc.standins.stand_in import StandIn

GENERATOR_VERSION = 1
STAND_IN = StandIn(
    name="mug",
    version=GENERATOR_VERSION,
    class_names=EMOTIONS,
    keypoint_names=KEYPOINT_NAMES,
    pairs=PAIRS,
    largest=CANVAS,
    least_frames=4,  # fewer would begin a clip after the onset of its expression
    generator="amc.standins.face.clip",
)
recipe, synthesize = STAND_IN.recipe, STAND_IN.synthesize
