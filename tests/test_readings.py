"""What the paper leaves open, reading by reading: the settings, their values (the default first), and what holds each.

Begin here to find a reading's code: search for its number, for its setting, or for the tests that are listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import pytest

from amc.config import SPLIT_RULES, Readings, RowWeights, natops, with_overrides

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Reading:
    """One row of the table.

    Attributes:
        says: what is read.
        tests: files and functions that fail where it is read otherwise.
        settings: dotted names, each with its default and other values that both networks and literal take.
    """

    says: str
    tests: tuple[str, ...]
    settings: Mapping[str, tuple[object, ...]] = field(default_factory=dict)


EQUAL = "methods/amc_gan/test_equality.py::test_other_settings"  # production against the literal code in this setting

READINGS: Mapping[str, Reading] = {
    "R1": Reading(
        "the Gram matrix of Eq. 2 is M x M, pixels against pixels",
        (
            "models/test_perceptual.py::test_spatial_gram_by_hand",
            "models/test_perceptual.py::test_channel_gram_by_hand",
            "models/test_perceptual.py::test_distance_by_hand",
            "methods/amc_gan/test_equality.py::test_training_mode",
        ),
        {"readings.gram": ("spatial", "channel")},
    ),
    "R2": Reading(
        "layers j = 1, 2 are the first two blocks of a discriminator's tower, after activation",
        ("methods/amc_gan/test_step.py::test_which_maps_are_compared", EQUAL),
        {"readings.gram_layers": (2, 1)},
    ),
    "R3": Reading(
        "ranking is a sum of two triplets: Da's with ya', Dm's with ym', each with its margin",
        (
            "methods/amc_gan/test_objective.py::test_ranking_hinge_by_hand",
            "methods/amc_gan/test_step.py::test_a_discriminator_ranks_by_its_own_mismatch",
            "methods/amc_gan/test_step.py::test_each_discriminator_has_its_margin",
            EQUAL,
        ),
        {"margins.appearance": (0.01, 0.1), "margins.motion": (0.001, 0.1)},
    ),
    "R4": Reading(
        "the L1 term sums over frames the mean over pixels and channels",
        ("methods/amc_gan/test_objective.py::test_reconstruction_by_hand", EQUAL),
        {"readings.l1_reduction": ("sum_frames", "mean")},
    ),
    "R5": Reading(
        "the velocity loss is a mean over time and coordinates",
        ("methods/amc_gan/test_objective.py::test_class_and_velocity_losses_by_hand", EQUAL),
        {"readings.velocity_reduction": ("mean", "sum")},
    ),
    "R6": Reading(
        "the real label alone is smoothed, from 0.1 down by 1e-5 a mini-batch",
        (
            "methods/amc_gan/test_objective.py::test_smoothing",
            "methods/amc_gan/test_objective.py::test_cross_entropy_by_hand",
            "methods/amc_gan/test_step.py::test_the_discriminators_loss_by_hand",
            EQUAL,
        ),
        {"readings.smoothing_start": (0.1, 0.0), "readings.smoothing_decrement": (1e-5, 0.0)},
    ),
    "R7": Reading(
        "Adam with betas 0.5 and 0.999",
        ("methods/amc_gan/test_step.py::test_adam",),
        {"optimizer.beta1": (0.5, 0.9), "optimizer.beta2": (0.999, 0.9)},
    ),
    "R8": Reading(
        "Da sees K triplets a clip, t drawn at random from 2 ... T-1, the same for all inputs of a distance",
        (
            "data/test_conditions.py::test_triplets_are_drawn_from_the_whole_clip",
            "data/test_conditions.py::test_da_may_see_every_triplet",
            "methods/amc_gan/test_step.py::test_a_triplet_starts_with_the_image_the_video_was_made_from",
            "methods/amc_gan/test_step.py::test_a_distance_is_zero_between_a_clip_and_itself",
            "methods/amc_gan/test_equality.py::test_training_mode",
        ),
        {"readings.centres": (1, 2, 0)},
    ),
    "R9": Reading(
        "the velocity head has its own first convolution; class and real/fake head share theirs",
        (
            "models/test_motion_discriminator.py::test_which_head_uses_which_layers",
            "models/test_motion_discriminator.py::test_the_velocity_head_may_share_the_convolution",
            EQUAL,
        ),
        {"readings.velocity_head": ("own", "shared")},
    ),
    "R10": Reading(
        "only the convLSTM is recurrent: batch norm takes its statistics over batch and time",
        (
            "reference/test_literal.py::test_statistics_of_frames_by_hand",
            "methods/amc_gan/test_equality.py::test_training_mode",
            "methods/amc_gan/test_equality.py::test_frame_by_frame_in_evaluation_mode",
            "methods/amc_gan/test_equality.py::test_frame_by_frame_statistics_are_another_function_in_training_mode",
        ),
    ),
    "R11": Reading(
        "L_Daux moves the discriminator only",
        (
            "methods/amc_gan/test_step.py::test_which_videos_a_term_of_the_generators_loss_moves",
            "methods/amc_gan/test_step.py::test_auxiliary_losses_move_the_generator_where_asked",
            EQUAL,
        ),
        {"readings.aux_updates_generator": (False, True)},
    ),
    "R12": Reading(
        "Table 2's rows weigh 1, 0.5, 0.25, 0.25; in an arm the fake ones present are scaled to the same sum",
        (
            "methods/amc_gan/test_objective.py::test_table_2",
            "methods/amc_gan/test_objective.py::test_what_an_arm_leaves",
            "methods/amc_gan/test_objective.py::test_weights_of_table_2_are_settings",
            "methods/amc_gan/test_step.py::test_the_discriminators_loss_by_hand",
            "methods/amc_gan/test_equality.py::test_weights_of_the_rows_an_arm_leaves",
            EQUAL,
        ),
        {
            "rows.real": (1.0, 0.7),
            "rows.real_mismatched": (0.5, 0.2),
            "rows.generated": (0.25, 0.6),
            "rows.generated_mismatched": (0.25, 0.9),
            "readings.rescale_fake_rows": (True, False),
        },
    ),
    "R13": Reading(
        "velocities at test come from a training clip of the class, drawn by a seeded generator",
        (
            "data/test_conditions.py::test_test_conditions_take_velocities_from_training_clips_of_the_class",
            "data/test_conditions.py::test_test_conditions_may_keep_the_clips_own_velocities",
        ),
        {"readings.test_velocity": ("class", "own")},
    ),
    "R14": Reading(
        "a high quantile of training velocities becomes 1, what is beyond is clipped, and checkpoints keep it",
        (
            "data/test_training_data.py::test_scale_is_the_quantile_of_what_moves",
            "data/test_training_data.py::test_velocities_are_scaled_by_training_clips_and_clipped",
            "training/test_loop.py::test_the_score_of_a_checkpoint_does_not_depend_on_the_clips_beside_it",
        ),
        {"readings.velocity_quantile": (0.99, 0.9)},
    ),
    "R15": Reading(
        "the classifier sees the last T-4 frames, the first and the last of them repeated twice",
        (
            "models/test_motion_classifier.py::test_input_is_the_last_frames_with_its_ends_repeated_twice",
            "models/test_motion_classifier.py::test_input_with_another_number_of_frames_discarded",
            "evaluation/judges/test_motion_classifier.py::test_predict_looks_at_the_frames_that_are_not_discarded",
        ),
        {"model.discarded_frames": (4, 5)},
    ),
    "R16": Reading(
        "heatmaps have variance 1/2^8 where the frame spans [-1, 1]; both fc(6) of the keypoint classifier are fc(c)",
        (
            "evaluation/keypoints/test_heatmaps.py::test_a_gaussian_of_two_pixels_at_paper_size",
            "models/test_keypoint_classifier.py::test_parameter_count_at_paper_size",
        ),
        {"readings.heatmap_variance": (2**-8, 1 / 28)},
    ),
    "R17": Reading(
        "no subject is in two parts; a random split stratified by class, and two published ones, are the alternatives",
        (
            "data/test_splits.py::test_no_source_and_no_subject_straddles",
            "data/test_splits.py::test_twenty_subjects_give_four_for_test_and_two_for_validation",
            "data/test_splits.py::test_the_paper_size_at_random",
            "data/test_splits.py::test_published_subjects_are_where_they_are_published",
            "data/test_training_data.py::test_the_split_is_the_configurations",
        ),
        {"split.rule": SPLIT_RULES},
    ),
    "R18": Reading(
        "validation is what is nearest to a tenth of the training subjects, or of the training sources",
        (
            "data/test_splits.py::test_twenty_subjects_give_four_for_test_and_two_for_validation",
            "data/test_splits.py::test_the_share_of_validation_is_a_setting",
            "data/test_splits.py::test_copies_of_a_source_stay_together",
            "data/test_training_data.py::test_the_split_is_the_configurations",
        ),
        {"split.validation_share": (0.1, 0.2)},
    ),
    "R19": Reading(
        "class and velocity targets are y's for rows 1 and 3, y''s for row 4, and row 2 has none",
        (
            "methods/amc_gan/test_objective.py::test_table_2",
            "methods/amc_gan/test_objective.py::test_targets_of_the_auxiliary_losses",
            "methods/amc_gan/test_equality.py::test_settings_that_meet",
            EQUAL,
        ),
        {"readings.aux_targets": ("mismatched", "printed")},
    ),
    "R20": Reading(
        "ym' is of a training clip of another class, label and velocity together; ya' is of another subject or source",
        (
            "data/test_conditions.py::test_mismatched_conditions_differ_in_class_and_in_subject",
            "data/test_conditions.py::test_a_mismatched_motion_is_that_of_one_clip",
            "data/test_conditions.py::test_without_subjects_a_mismatched_appearance_is_of_another_source",
            "data/test_conditions.py::test_any_mismatch_may_hit_the_same_class",
        ),
        {"readings.mismatched_appearance": ("subject", "any"), "readings.mismatched_motion": ("class", "any")},
    ),
    "R21": Reading(
        "batch norm takes statistics over the rows of a table mixed in one mini-batch",
        (
            "models/fast/test_row_batch_norm.py::test_mixed_is_batch_norm_of_the_batch_written_out",
            "models/fast/test_row_batch_norm.py::test_per_row_normalises_each_row_by_itself",
            "methods/amc_gan/test_equality.py::test_training_mode",
            "methods/amc_gan/test_equality.py::test_conditions_in_the_frames_statistics",
            EQUAL,
        ),
        {"readings.bn_rows": ("mixed", "per_row"), "readings.condition_statistics": ("own", "shared")},
    ),
    "R22": Reading(
        "of a clip longer than T the first T frames are taken",
        (
            "data/test_clips.py::test_longer_clips_give_their_first_frames",
            "data/test_clips.py::test_or_frames_evenly_spaced",
            "data/test_training_data.py::test_longer_clips_are_cut_by_the_configurations_rule",
        ),
        {"readings.long_clips": ("first", "even")},
    ),
    "R23": Reading(
        "the generator lowers -log D, with scores of the discriminators as their update left them, all rows mixed",
        (
            "methods/amc_gan/test_objective.py::test_the_generators_adversarial_term_by_hand",
            "methods/amc_gan/test_step.py::test_the_generators_adversarial_loss_by_hand",
            "methods/amc_gan/test_step.py::test_when_the_generator_is_scored",
            "methods/amc_gan/test_step.py::test_the_generator_takes_the_scores_of_the_discriminators_mini_batch",
            "methods/amc_gan/test_equality.py::test_a_wrong_mini_batch_of_the_generator_is_noticed",
            "methods/amc_gan/test_equality.py::test_three_whole_steps",
            EQUAL,
        ),
        {
            "readings.adversarial": ("non_saturating", "saturating"),
            "readings.generator_scores": ("updated", "printed"),
            "readings.generator_rows": ("mixed", "generated"),
        },
    ),
    "R24": Reading(
        "h_0 = c_0 = the encoding, Dm consumes x_2 ... x_T, gates read h, leaky ReLU of slope 0.2, no peepholes",
        (
            "models/test_conv_lstm.py::test_equals_a_plain_loop",
            "models/test_conv_lstm.py::test_forget_gates_may_start_open",
            "models/test_conv_lstm.py::test_the_networks_forget_gates_start_as_configured",
            "models/test_motion_discriminator.py::test_starts_from_the_encoded_ya",
            "models/test_generator.py::test_leaky_relu_has_slope_one_fifth",
            "models/test_motion_classifier.py::test_layers_follow_the_text",
            "models/test_equality.py::test_parameters_of_the_notes",
            "models/test_equality.py::test_generator",
            "methods/amc_gan/test_equality.py::test_training_mode",
        ),
        {"readings.forget_bias": (0.0, 1.0)},
    ),
    "R25": Reading(
        "on small maps kernel and stride of the last layers shrink, and layers with no extent left are dropped",
        (
            "models/test_strided.py::test_the_last_layer_leaves_one_pixel",
            "models/test_appearance_discriminator.py::test_strides_shrink_with_the_map",
            "models/test_motion_discriminator.py::test_strides_shrink_with_the_map",
            "models/test_motion_classifier.py::test_the_last_layer_shrinks_per_axis",
            "models/test_motion_classifier.py::test_a_layer_with_no_extent_left_is_dropped",
            "methods/amc_gan/test_equality.py::test_training_mode_at_other_sizes",
        ),
    ),
}
SETTINGS = {name: values for reading in READINGS.values() for name, values in reading.settings.items()}


def test_every_reading_is_listed() -> None:
    assert list(READINGS) == [f"R{n}" for n in range(1, 26)]
    settings = {f"readings.{f.name}" for f in fields(Readings)} | {f"rows.{f.name}" for f in fields(RowWeights)}
    assert settings <= SETTINGS.keys()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_has_its_default_and_takes_its_other_values(name: str) -> None:
    default, *others = SETTINGS[name]
    assert natops("paper").flat()[name] == default
    assert others
    for value in others:
        assert with_overrides(natops("paper"), {name: value}).flat()[name] == value


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_read_somewhere(name: str) -> None:
    """No dead settings."""
    sources = [path.read_text() for path in (ROOT / "amc").rglob("*.py") if path.name != "config.py"]
    assert any(re.search(rf"\.{name.split('.')[1]}\b", text) for text in sources)


@pytest.mark.parametrize("number", READINGS)
def test_the_tests_of_a_reading_exist(number: str) -> None:
    for test in READINGS[number].tests:
        file, function = test.split("::")
        assert f"\ndef {function}(" in (ROOT / "tests" / file).read_text(), test


def test_other_settings_are_held_to_the_literal_code() -> None:
    text = (ROOT / "tests" / EQUAL.split("::")[0]).read_text()
    for number, reading in READINGS.items():
        if EQUAL in reading.tests:
            assert any(f'"{name}"' in text or f"{name.split('.')[1]}=" in text for name in reading.settings), number


@pytest.mark.parametrize("number", READINGS)
def test_the_table_of_readings_names_the_settings(number: str) -> None:
    table = (ROOT / "docs/readings.md").read_text()
    (row,) = [line for line in table.splitlines() if line.startswith(f"| {number} |")]
    for name in READINGS[number].settings:
        assert f"`{name}`" in row
