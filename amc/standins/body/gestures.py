"""The 24 aircraft-handling gestures of NATOPS as data: poses of the arms and the time between them.

An arm pose has four angles in degrees, two for the upper arm and two for the forearm: the swing in the plane of the
body (0 hangs down, 90 points straight out to the arm's own side, 180 points up, negative values cross the body), and
the angle out of that plane towards the camera. Both arms use the same convention, so mirroring a gesture swaps them.

The poses of the first six gestures, `centre`, `share` and `REST` were fitted to the joint tracks of recorded
performances distributed in the UEA archive: they are means over the 30 recordings of a gesture, whose movement was
brought to the same start, end and rhythm first. The poses of the others follow the names and descriptions of NATOPS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ArmPose:
    """Directions of the upper arm and the forearm, in degrees."""

    upper: float
    upper_toward: float
    fore: float
    fore_toward: float


@dataclass(frozen=True)
class Pose:
    """A pose of both arms; `takes` is the time to reach it, relative to the other poses of the gesture."""

    takes: float
    right: ArmPose
    left: ArmPose


Thumb = Literal["neutral", "up", "down"]


@dataclass(frozen=True)
class Gesture:
    """Starts in the rest pose, passes through `lead` once, then through `loop` `times` times, and returns to rest.

    Attributes:
        name: as in NATOPS.
        description: of the arms and hands.
        lead: poses.
        loop: poses that are repeated.
        times: number of repetitions.
        back: time of the return to rest, in the unit of `Pose.takes`.
        centre: mean time of the middle of the movement, as a fraction of the clip.
        share: mean duration of the movement, as a fraction of the clip.
        thumbs: of the right and the left hand while the arms are away from rest.
    """

    name: str
    description: str
    lead: tuple[Pose, ...]
    loop: tuple[Pose, ...] = ()
    times: int = 0
    back: float = 1.0
    centre: float = 0.52
    share: float = 0.74
    thumbs: tuple[Thumb, Thumb] = ("neutral", "neutral")


REST = ArmPose(17, 7, 2, 26)
NEUTRAL = Pose(0, REST, REST)

_OUT = ArmPose(88, -4, 92, 0)
_UP_OUT = ArmPose(122, 0, 128, 0)
_FOREARM_LEVEL = ArmPose(22, 40, -85, 25)


def _both(takes: float, *angles: float) -> Pose:
    return Pose(takes, ArmPose(*angles), ArmPose(*angles))


GESTURES: tuple[Gesture, ...] = (
    Gesture(
        "I Have Command",
        "The right arm is raised straight overhead, held there and lowered; the left hangs.",
        lead=(
            Pose(1.0, ArmPose(36, -1, 57, 27), REST),
            Pose(1.0, ArmPose(71, -4, 113, 19), REST),
            Pose(1.0, ArmPose(104, -5, 152, 7), REST),
            Pose(1.0, ArmPose(121, -6, 175, 3), REST),
            Pose(1.0, ArmPose(127, -4, -177, 2), REST),
            Pose(1.0, ArmPose(125, -4, 178, 3), REST),
            Pose(1.0, ArmPose(105, -6, 152, 8), REST),
            Pose(1.0, ArmPose(67, -5, 106, 19), REST),
            Pose(1.0, ArmPose(36, -1, 49, 24), REST),
        ),
        centre=0.57,
        share=0.61,
    ),
    Gesture(
        "All Clear",
        "The right arm is held out to its side with the thumb up, then lowered; the left hangs.",
        lead=(
            Pose(1.0, ArmPose(30, -1, 41, 21), REST),
            Pose(1.0, ArmPose(54, -5, 77, 16), REST),
            Pose(1.0, ArmPose(79, -8, 99, 7), REST),
            Pose(1.0, ArmPose(94, -10, 112, 2), REST),
            Pose(1.0, ArmPose(96, -10, 112, 1), REST),
            Pose(1.0, ArmPose(93, -9, 107, 3), REST),
            Pose(1.0, ArmPose(73, -7, 90, 10), REST),
            Pose(1.0, ArmPose(48, -4, 61, 17), REST),
            Pose(1.0, ArmPose(29, -1, 30, 19), REST),
        ),
        centre=0.53,
        share=0.58,
        thumbs=("up", "neutral"),
    ),
    Gesture(
        "Not Clear",
        "The right arm is held out to its side with the thumb down, then lowered; the left hangs.",
        lead=(
            Pose(1.0, ArmPose(36, -3, 36, 18), REST),
            Pose(1.0, ArmPose(67, -11, 69, 13), REST),
            Pose(1.0, ArmPose(92, -13, 91, 8), REST),
            Pose(1.0, ArmPose(104, -13, 102, 7), REST),
            Pose(1.0, ArmPose(106, -13, 103, 8), REST),
            Pose(1.0, ArmPose(103, -11, 98, 9), REST),
            Pose(1.0, ArmPose(87, -9, 80, 14), REST),
            Pose(1.0, ArmPose(57, -5, 54, 19), REST),
            Pose(1.0, ArmPose(31, -1, 27, 21), REST),
        ),
        centre=0.51,
        share=0.58,
        thumbs=("down", "neutral"),
    ),
    Gesture(
        "Spread Wings",
        "Both forearms are raised before the chest, swept straight out to the sides, and lowered.",
        lead=(
            Pose(1.0, ArmPose(26, 11, 38, 58), ArmPose(33, 18, 7, 59)),
            Pose(1.0, ArmPose(33, 43, -146, 38), ArmPose(35, 56, -120, 36)),
            Pose(1.0, ArmPose(13, 42, -116, 8), ArmPose(-3, 57, -115, 1)),
            Pose(1.0, ArmPose(11, 39, -113, 2), ArmPose(1, 56, -111, -5)),
            Pose(1.0, ArmPose(72, 20, -152, 34), ArmPose(84, 37, -142, 45)),
            Pose(1.0, ArmPose(83, -14, 112, 8), ArmPose(94, 19, 115, 33)),
            Pose(1.0, ArmPose(84, -23, 97, -15), ArmPose(95, 13, 104, 20)),
            Pose(1.0, ArmPose(73, -23, 91, -5), ArmPose(86, 14, 98, 29)),
            Pose(1.0, ArmPose(37, -12, 50, 18), ArmPose(47, 15, 40, 42)),
        ),
        centre=0.51,
        share=0.78,
    ),
    Gesture(
        "Fold Wings",
        "Both arms are raised straight out to the sides, swept in before the chest, and lowered.",
        lead=(
            Pose(1.0, ArmPose(37, -6, 56, 27), ArmPose(51, 14, 53, 45)),
            Pose(1.0, ArmPose(73, -18, 94, -1), ArmPose(86, 14, 99, 27)),
            Pose(1.0, ArmPose(84, -24, 96, -15), ArmPose(96, 12, 103, 22)),
            Pose(1.0, ArmPose(78, -18, 102, 5), ArmPose(94, 17, 108, 33)),
            Pose(1.0, ArmPose(67, 16, 172, 38), ArmPose(82, 42, -162, 60)),
            Pose(1.0, ArmPose(31, 48, -122, 12), ArmPose(2, 71, -116, 2)),
            Pose(1.0, ArmPose(8, 36, -120, 5), ArmPose(-15, 59, -107, -6)),
            Pose(1.0, ArmPose(10, 30, -120, 11), ArmPose(2, 50, -109, 0)),
            Pose(1.0, ArmPose(21, 12, -58, 59), ArmPose(28, 19, -45, 51)),
        ),
        centre=0.51,
        share=0.76,
    ),
    Gesture(
        "Lock Wings",
        "The right forearm is held upright before the shoulder; the left hand reaches across to its elbow.",
        lead=(
            Pose(1.0, ArmPose(28, 6, 61, 51), ArmPose(28, 14, 5, 40)),
            Pose(1.0, ArmPose(60, 28, 157, 27), ArmPose(32, 29, -39, 62)),
            Pose(1.0, ArmPose(98, 50, -177, -6), ArmPose(13, 45, -95, 37)),
            Pose(1.0, ArmPose(97, 62, -171, -21), ArmPose(-7, 46, -109, 14)),
            Pose(1.0, ArmPose(101, 62, -169, -22), ArmPose(-9, 43, -113, 9)),
            Pose(1.0, ArmPose(101, 62, -168, -22), ArmPose(-9, 44, -113, 9)),
            Pose(1.0, ArmPose(72, 51, -170, -6), ArmPose(5, 42, -100, 25)),
            Pose(1.0, ArmPose(38, 20, 165, 53), ArmPose(26, 22, -54, 49)),
            Pose(1.0, ArmPose(24, 6, 19, 46), ArmPose(27, 13, -5, 37)),
        ),
        centre=0.50,
        share=0.62,
    ),
    Gesture(
        "Up Hook",
        "The left forearm lies level before the chest and the right fist rises from the hip to meet it, repeatedly.",
        lead=(Pose(1.0, ArmPose(14, 15, -20, 25), _FOREARM_LEVEL),),
        loop=(
            Pose(0.4, ArmPose(52, 15, -128, 30), _FOREARM_LEVEL),
            Pose(0.8, ArmPose(14, 15, -20, 25), _FOREARM_LEVEL),
        ),
        times=2,
    ),
    Gesture(
        "Down Hook",
        "The left forearm lies level before the waist and the right fist drops on it from above the head, repeatedly.",
        lead=(Pose(1.0, ArmPose(120, 5, 188, 5), ArmPose(10, 25, -70, 30)),),
        loop=(
            Pose(0.4, ArmPose(20, 30, -60, 30), ArmPose(10, 25, -70, 30)),
            Pose(0.8, ArmPose(120, 5, 188, 5), ArmPose(10, 25, -70, 30)),
        ),
        times=2,
    ),
    Gesture(
        "Remove Tiedowns",
        "The left arm is stretched out low and the right hand wipes down it from shoulder to wrist, repeatedly.",
        lead=(Pose(1.0, ArmPose(-8, 50, -132, 25), ArmPose(52, 15, 52, 15)),),
        loop=(
            Pose(0.7, ArmPose(-52, 30, -52, 25), ArmPose(52, 15, 52, 15)),
            Pose(0.5, ArmPose(-8, 50, -132, 25), ArmPose(52, 15, 52, 15)),
        ),
        times=2,
    ),
    Gesture(
        "Remove Chocks",
        "Both hands meet low before the body and are swung apart to the sides, fast out and slowly back.",
        lead=(_both(0.7, 2, 25, -38, 25),),
        loop=(_both(0.45, 62, 0, 66, 0), _both(0.25, 66, 0, 70, 0), _both(0.8, 2, 25, -38, 25)),
        times=2,
    ),
    Gesture(
        "Insert Chocks",
        "Both arms are held out with hanging forearms, and the hands are swung in to cross low before the body.",
        lead=(_both(0.8, 88, 0, 18, 10),),
        loop=(_both(0.45, 22, 25, -62, 25), _both(0.3, 20, 25, -64, 25), _both(0.75, 88, 0, 18, 10)),
        times=2,
    ),
    Gesture(
        "Move Ahead",
        "Both arms are held out at shoulder height and the forearms beckon, up and back over the shoulders.",
        lead=(_both(0.9, 84, 10, 108, 35),),
        loop=(_both(0.5, 92, 0, 196, 0), _both(0.5, 84, 10, 108, 35)),
        times=2,
    ),
    Gesture(
        "Turn Left",
        "The right arm points straight out to its side while the left forearm beckons, up and over the shoulder.",
        lead=(Pose(0.9, _OUT, ArmPose(80, 10, 104, 35)),),
        loop=(Pose(0.5, _OUT, ArmPose(92, 0, 198, 0)), Pose(0.5, _OUT, ArmPose(80, 10, 104, 35))),
        times=2,
    ),
    Gesture(
        "Turn Right",
        "The left arm points straight out to its side while the right forearm beckons: Turn Left mirrored.",
        lead=(Pose(0.9, ArmPose(80, 10, 104, 35), _OUT),),
        loop=(Pose(0.5, ArmPose(92, 0, 198, 0), _OUT), Pose(0.5, ArmPose(80, 10, 104, 35), _OUT)),
        times=2,
    ),
    Gesture(
        "Next Marshaller",
        "The left arm hangs; the right arm swings from its own side across the body to point to the other, repeatedly.",
        lead=(Pose(0.9, ArmPose(72, 5, 78, 5), REST),),
        loop=(Pose(0.9, ArmPose(-72, 35, -86, 20), REST), Pose(0.8, ArmPose(60, 5, 66, 5), REST)),
        times=1,
    ),
    Gesture(
        "Slow Down",
        "Both forearms are held out level at the waist and pat downwards together, quickly.",
        lead=(_both(0.8, 30, 15, 96, 30),),
        loop=(_both(0.35, 18, 15, 40, 30), _both(0.35, 32, 15, 100, 30)),
        times=3,
    ),
    Gesture(
        "Stop",
        "Both arms are raised out and overhead until the forearms cross, and cross again.",
        lead=(_both(0.6, 95, 0, 105, 0), _both(0.6, 176, 5, 240, 10)),
        loop=(_both(0.45, 138, 0, 158, 0), _both(0.45, 178, 5, 244, 10)),
        times=1,
    ),
    Gesture(
        "Nosegear Steering",
        "The right hand is at the nose while the left arm, stretched out, waves up and down.",
        lead=(Pose(0.9, ArmPose(32, 40, -158, 25), ArmPose(96, 0, 104, 0)),),
        loop=(
            Pose(0.6, ArmPose(32, 40, -158, 25), ArmPose(52, 0, 50, 0)),
            Pose(0.6, ArmPose(32, 40, -158, 25), ArmPose(108, 0, 122, 0)),
        ),
        times=2,
    ),
    Gesture(
        "Hot Brakes",
        "The left arm points down at the wheel while the right hand fans quickly beside the face.",
        lead=(Pose(0.8, ArmPose(74, 15, 150, 20), ArmPose(38, 0, 34, 0)),),
        loop=(
            Pose(0.3, ArmPose(70, 15, 205, 15), ArmPose(38, 0, 34, 0)),
            Pose(0.3, ArmPose(76, 15, 128, 20), ArmPose(38, 0, 34, 0)),
        ),
        times=3,
    ),
    Gesture(
        "Brakes On",
        "Both arms are raised wide overhead and the hands (closing to fists) are drawn down beside the head, once.",
        lead=(_both(1.0, 132, 0, 134, 0), _both(1.4, 92, 5, 158, 5), _both(1.0, 52, 15, 174, 10)),
    ),
    Gesture(
        "Brakes Off",
        "The fists beside the head are pushed up and wide apart overhead (opening), once: Brakes On backwards.",
        lead=(_both(1.0, 52, 15, 174, 10), _both(1.4, 92, 5, 158, 5), _both(1.0, 134, 0, 136, 0)),
    ),
    Gesture(
        "Install Tiedowns",
        "Both hands turn in wide circles before the body, the left half a turn behind the right.",
        lead=(Pose(0.7, ArmPose(12, 35, -80, 30), ArmPose(62, 20, -118, 25)),),
        loop=(
            Pose(0.3, ArmPose(40, 30, -150, 30), ArmPose(36, 25, -40, 35)),
            Pose(0.3, ArmPose(62, 20, -118, 25), ArmPose(12, 35, -80, 30)),
            Pose(0.3, ArmPose(36, 25, -40, 35), ArmPose(40, 30, -150, 30)),
            Pose(0.3, ArmPose(12, 35, -80, 30), ArmPose(62, 20, -118, 25)),
        ),
        times=1,
    ),
    Gesture(
        "Fire",
        "The right hand draws a wide lying figure of eight before the body while the left arm points up and out.",
        lead=(Pose(0.8, ArmPose(75, 5, 128, 10), _UP_OUT),),
        loop=(
            Pose(0.35, ArmPose(62, 10, 40, 20), _UP_OUT),
            Pose(0.35, ArmPose(38, 35, -30, 60), _UP_OUT),
            Pose(0.35, ArmPose(10, 50, -135, 30), _UP_OUT),
            Pose(0.35, ArmPose(-15, 40, -60, 25), _UP_OUT),
            Pose(0.35, ArmPose(38, 35, -30, 60), _UP_OUT),
            Pose(0.35, ArmPose(75, 5, 128, 10), _UP_OUT),
        ),
        times=1,
    ),
    Gesture(
        "Cut Engine",
        "The right hand is drawn across the throat, elbow out, repeatedly; the left arm points level at the engine.",
        lead=(Pose(0.9, ArmPose(8, 55, -106, 20), ArmPose(78, 0, 84, 0)),),
        loop=(
            Pose(0.5, ArmPose(106, 0, -98, 10), ArmPose(78, 0, 84, 0)),
            Pose(0.5, ArmPose(8, 55, -106, 20), ArmPose(78, 0, 84, 0)),
        ),
        times=2,
    ),
)

# All Clear and Not Clear differ in the thumb alone, which small frames do not show.
_LAST_CHOSEN = "Not Clear"


def chosen_gestures(classes: int) -> tuple[int, ...]:
    """Indices in `GESTURES` of the classes of a file with so many, ascending: Not Clear only if all are asked for."""
    order = sorted(range(len(GESTURES)), key=lambda index: GESTURES[index].name == _LAST_CHOSEN)
    return tuple(sorted(order[:classes]))
