"""Who performs, as file names say it."""

from __future__ import annotations

import pytest

from amc.importing.folder.performers import named_performer


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("performer_3.mp4", "3"),
        ("Subject012-wave.mp4", "12"),
        ("wave person 7.mp4", "7"),
        ("actor4_1080p.mp4", "4"),
        ("sub-01_task-wave.mp4", "1"),
        ("g01s05.avi", "5"),
        ("P9.mov", "9"),
        ("wave_p3_take2.mp4", "3"),
        ("P03T2.mp4", "3"),
        ("s20250101120000.mp4", "20250101120000"),
        # Words come before letters, whatever the order.
        ("p1080_subject3.mp4", "3"),
        ("id_0042_performer_3.mp4", "3"),
        ("user_study_2_performer_5.mp4", "5"),
        ("show_s01e02_person_4.mp4", "4"),
        ("setup_2_person_1.mp4", "1"),
        ("wave_1080p60_s2.mp4", "2"),
        ("subject3_session2.mp4", "3"),
        ("h264_s4.mp4", "4"),
        # Names of published data sets: NTU RGB+D, MSR Action3D, UTKinect, KTH.
        ("S001C002P003R002A013_rgb.avi", "3"),
        ("a01_s03_e02_rgb.avi", "3"),
        ("s01_e02.avi", "1"),
        ("person15_handwaving_d1_uncomp.avi", "15"),
    ],
)
def test_performers(name: str, number: str) -> None:
    assert named_performer(name).number == number


@pytest.mark.parametrize(
    "name",
    [
        *("wave_720p_1.mp4", "p720_wave.mp4", "wave_1080p60.mp4", "wave_p2160.mp4", "subject_1080p_x.mp4"),
        *("run-24s_2.mp4", "wave_60fps.mp4", "yuv420p10_clip.mp4", "x265.mp4", "h264_3.mp4", "mp4_2.mp4"),
        *("show_S01E02.mp4", "s01e02_wave.mkv", "episode_3.mp4", "setup2_camera1.mp4", "session_4.mp4"),
        *("clips12.mp4", "wave.mp4", "anna.mp4", "video3.mp4", "grid12.mp4", "v_Wave_g01_c02.avi", "wave_s2024.mp4"),
    ],
)
def test_other_numbers(name: str) -> None:
    assert named_performer(name).number is None


def test_two_performers_are_none() -> None:
    named = named_performer("person1_person2.mp4")
    assert (named.number, named.candidates) == (None, ("1", "2"))
    assert named_performer("person1_to_person01.mp4").number == "1"
