"""Weights that a user gives: what is read, and how a file that can't be used is refused."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from amc.errors import UserError
from amc.evaluation.metrics.pretrained import load_pretrained
from tests.evaluation.metrics.made_weights import made_weights, written


def _network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "weights.safetensors", _network())


def test_the_network_has_the_files_weights_and_is_frozen(file: Path) -> None:
    found = load_pretrained(file, "--fvd", _network)
    state = found.network.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in load_file(file).items())
    assert found.digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert not found.network.training
    assert not any(parameter.requires_grad for parameter in found.network.parameters())
    assert found.network(torch.zeros(2, 3, 5, 5)).shape == (2, 4, 3, 3)


def test_no_random_number_is_drawn(file: Path) -> None:
    before = torch.get_rng_state()
    load_pretrained(file, "--fvd", _network)
    assert torch.equal(torch.get_rng_state(), before)


def test_half_precision_and_more_tensors_than_wanted_will_do(file: Path) -> None:
    tensors = load_file(file)
    counter = {"1.num_batches_tracked": torch.tensor(7), "classifier.weight": torch.zeros(2)}
    save_file({name: tensor.half() for name, tensor in tensors.items()} | counter, file)
    state = load_pretrained(file, "--fvd", _network).network.state_dict()
    assert state["0.weight"].dtype == torch.float32
    torch.testing.assert_close(state["0.weight"], tensors["0.weight"], rtol=1e-3, atol=1e-4)


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_pretrained(path, "--fvd", _network)
    message = str(caught.value)
    assert message.startswith(f"--fvd {path}")
    assert message.endswith("docs/metrics.md explains how to create it")
    assert "\n" not in message
    return message


def test_there_is_no_such_file(tmp_path: Path) -> None:
    assert "file not found" in refusal(tmp_path / "none.safetensors")
    assert "file not found" in refusal(tmp_path)


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_a_truncated_file(file: Path, length: int) -> None:
    file.write_bytes(file.read_bytes()[:length])
    assert "not a complete safetensors file" in refusal(file)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, ("opened by a pickle", "w"))


@pytest.mark.parametrize("kind", ["torch", "pickle", "numpy"])
def test_a_pickle_is_refused_and_not_run(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.safetensors"
    with path.open("wb") as out:
        if kind == "torch":
            torch.save({"0.weight": _Bomb()}, out)
        elif kind == "pickle":
            pickle.dump(_Bomb(), out)
        else:
            np.save(out, np.array([_Bomb()], dtype=object), allow_pickle=True)
    assert "not a complete safetensors file" in refusal(path)
    assert not (tmp_path / "opened by a pickle").exists()


def test_weights_of_another_network(tmp_path: Path, file: Path) -> None:
    tensors = load_file(file)
    del tensors["1.running_var"]
    save_file(tensors, file)
    assert "lacks 1 of 6 weights, for example 1.running_var" in refusal(file)
    other = written(tmp_path / "other.safetensors", nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)))
    assert "holds another network: 0.weight is (5, 3, 3, 3), not (4, 3, 3, 3)" in refusal(other)


def test_weights_that_are_no_numbers(file: Path) -> None:
    tensors = made_weights(_network())
    tensors["0.bias"][2] = torch.nan
    save_file(tensors, file)
    assert "is damaged: its 0.bias is not finite" in refusal(file)
