"""What a classifier sees: features that its last layer makes its logits of, whatever number of clips is looked at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from amc.evaluation.judges.motion_classifier import predict
from amc.evaluation.scores.classifier_output import classify
from amc.models.motion_classifier import MotionClassifier
from tests.toy import toy_config

CONFIG = toy_config()
T = CONFIG.model.frames


@pytest.mark.parametrize("count", [1, 32, 45])
def test_the_last_layer_makes_logits_of_features(count: int) -> None:
    torch.manual_seed(0)
    network = MotionClassifier(CONFIG.model, 2).eval()
    video = np.random.default_rng(0).integers(0, 256, (count, T - 1, 16, 16, 3), dtype=np.uint8)
    logits, found = predict(network, video, T), classify(network, video, T)
    assert found.classes.tolist() == logits.argmax(1).tolist()
    assert found.features.shape == (count, network.classify[-1].in_features)
    with torch.inference_mode():
        again = network.classify[-1](torch.from_numpy(found.features)).numpy()
    assert again == pytest.approx(logits, abs=1e-5)
    assert classify(network, video[:1], T).features[0].tolist() == found.features[0].tolist()
    assert not network.classify[-1]._forward_pre_hooks
