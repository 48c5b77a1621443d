"""The 24 aircraft-handling gestures of NATOPS as data: poses of the arms and the time between them.

An arm pose has four angles in degrees, two for the upper arm and two for the forearm: the swing in the plane of the
body (0 hangs down, 90 points straight out to the arm's own side, 180 points up, negative values cross the body), and
the angle out of that plane towards the camera. Both arms use the same convention, so mirroring a gesture swaps them.

At 64 pixels and less, hands are too small to see. Where two original gestures differ only in the hand (thumb up or
down, fist closed or open), the descriptions say how the arms show the difference here.
"""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True)
class Gesture:
    """Starts in the neutral pose, passes through `lead` once, then through `loop` `times` times."""

    name: str
    description: str
    lead: tuple[Pose, ...]
    loop: tuple[Pose, ...] = ()
    times: float = 0.0


REST = ArmPose(8, 0, 4, 10)
NEUTRAL = Pose(0, REST, REST)

_OUT = ArmPose(90, 0, 90, 0)
_UP_OUT = ArmPose(122, 0, 128, 0)
_HUG = ArmPose(28, 45, -118, 30)
_FOREARM_LEVEL = ArmPose(22, 40, -85, 25)


def _both(takes: float, *angles: float) -> Pose:
    return Pose(takes, ArmPose(*angles), ArmPose(*angles))


GESTURES: tuple[Gesture, ...] = (
    Gesture(
        "I Have Command",
        "The right arm is raised straight overhead and sways slowly from side to side; the left hangs.",
        lead=(Pose(1.0, ArmPose(168, 5, 176, 5), REST),),
        loop=(Pose(0.7, ArmPose(150, 5, 138, 5), REST), Pose(0.7, ArmPose(172, 5, 190, 5), REST)),
        times=1.5,
    ),
    Gesture(
        "All Clear",
        "The right arm is held out with the forearm upright (thumb up) and pumped up and down; the left hangs.",
        lead=(Pose(1.0, ArmPose(82, 10, 172, 10), REST),),
        loop=(Pose(0.6, ArmPose(42, 15, 150, 20), REST), Pose(0.6, ArmPose(98, 5, 174, 5), REST)),
        times=2,
    ),
    Gesture(
        "Not Clear",
        "The right arm is held out low, hand below the waist (thumb down), and jabbed down and out; the left hangs.",
        lead=(Pose(1.0, ArmPose(62, 0, 20, 5), REST),),
        loop=(Pose(0.5, ArmPose(36, 0, 44, 0), REST), Pose(0.5, ArmPose(78, 0, 16, 10), REST)),
        times=2.5,
    ),
    Gesture(
        "Spread Wings",
        "Both arms hug the chest and are then swept straight out to the sides, once.",
        lead=(
            Pose(1.0, _HUG, _HUG),
            _both(1.5, 75, 25, 40, 45),
            Pose(1.0, _OUT, _OUT),
            _both(0.4, 97, 0, 100, 0),
        ),
    ),
    Gesture(
        "Fold Wings",
        "Both arms are held straight out and are then swept in to hug the chest, once: Spread Wings backwards.",
        lead=(
            Pose(1.0, _OUT, _OUT),
            _both(1.3, 75, 25, 40, 45),
            Pose(1.2, _HUG, _HUG),
            _both(0.5, 20, 50, -125, 30),
        ),
    ),
    Gesture(
        "Lock Wings",
        "The right forearm is held upright; the left hand reaches across and strikes its elbow, repeatedly.",
        lead=(Pose(1.0, ArmPose(45, 20, 170, 5), ArmPose(-38, 35, -80, 20)),),
        loop=(
            Pose(0.5, ArmPose(45, 20, 165, 5), ArmPose(25, 25, 5, 35)),
            Pose(0.5, ArmPose(45, 20, 172, 5), ArmPose(-40, 35, -82, 20)),
        ),
        times=2.5,
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
        times=2.5,
    ),
    Gesture(
        "Turn Left",
        "The right arm points straight out to its side while the left forearm beckons, up and over the shoulder.",
        lead=(Pose(0.9, _OUT, ArmPose(80, 10, 104, 35)),),
        loop=(Pose(0.5, _OUT, ArmPose(92, 0, 198, 0)), Pose(0.5, _OUT, ArmPose(80, 10, 104, 35))),
        times=2.5,
    ),
    Gesture(
        "Turn Right",
        "The left arm points straight out to its side while the right forearm beckons: Turn Left mirrored.",
        lead=(Pose(0.9, ArmPose(80, 10, 104, 35), _OUT),),
        loop=(Pose(0.5, ArmPose(92, 0, 198, 0), _OUT), Pose(0.5, ArmPose(80, 10, 104, 35), _OUT)),
        times=2.5,
    ),
    Gesture(
        "Next Marshaller",
        "The left arm hangs; the right arm swings from its own side across the body to point to the other, repeatedly.",
        lead=(Pose(0.9, ArmPose(72, 5, 78, 5), REST),),
        loop=(Pose(0.9, ArmPose(-72, 35, -86, 20), REST), Pose(0.8, ArmPose(60, 5, 66, 5), REST)),
        times=1.5,
    ),
    Gesture(
        "Slow Down",
        "Both forearms are held out level at the waist and pat downwards together, quickly.",
        lead=(_both(0.8, 30, 15, 96, 30),),
        loop=(_both(0.35, 18, 15, 40, 30), _both(0.35, 32, 15, 100, 30)),
        times=3.5,
    ),
    Gesture(
        "Stop",
        "Both arms are raised out and overhead until the forearms cross, and cross again.",
        lead=(_both(0.6, 95, 0, 105, 0), _both(0.6, 176, 5, 240, 10)),
        loop=(_both(0.45, 138, 0, 158, 0), _both(0.45, 178, 5, 244, 10)),
        times=1.5,
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
        times=4,
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
        times=2.25,
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
        times=1.5,
    ),
    Gesture(
        "Cut Engine",
        "The right hand is drawn across the throat, elbow out, repeatedly; the left arm points level at the engine.",
        lead=(Pose(0.9, ArmPose(8, 55, -106, 20), ArmPose(78, 0, 84, 0)),),
        loop=(
            Pose(0.5, ArmPose(106, 0, -98, 10), ArmPose(78, 0, 84, 0)),
            Pose(0.5, ArmPose(8, 55, -106, 20), ArmPose(78, 0, 84, 0)),
        ),
        times=2.5,
    ),
)
