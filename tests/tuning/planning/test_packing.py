"""How many trials fit, on machines that are made up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.errors import UserError
from tuning.planning.parallel_trials import GIB, MARGIN, Capacity, pack
from tuning.workers.resources import Resources


def test_cores_bind_where_memory_is_ample() -> None:
    found, line = pack(Capacity(cores=8, memory=64 * GIB), host=GIB)
    assert found == Resources(8, 1, 0.0)
    assert (
        line == "8 trials in parallel with 1 core each: a trial needs 1.0 GiB at its peak, 64.0 GiB are free, 8 cores"
    )
    assert pack(Capacity(8, 64 * GIB), host=GIB, cpus=3)[0] == Resources(2, 3, 0.0)


def test_memory_binds_and_the_cores_are_shared_among_fewer_trials() -> None:
    # Of 16 GiB 14.4 may be used: 3 trials of 4 GiB, with 8 // 3 cores each.
    assert pack(Capacity(8, 16 * GIB), host=4 * GIB)[0] == Resources(3, 2, 0.0)


def test_a_machine_for_which_the_step_is_too_large() -> None:
    with pytest.raises(UserError, match=r"a trial needs 4.0 GiB of main memory at its peak, of which 4.0 GiB are free"):
        pack(Capacity(8, 4 * GIB), host=4 * GIB)
    with pytest.raises(UserError, match=r"of GPU memory at its peak, of which 8.0 GiB are free"):
        pack(Capacity(8, 64 * GIB, 1, 8 * GIB), host=GIB, device=9 * GIB)


def test_trials_share_a_gpu() -> None:
    # Of 24 GiB 21.6 may be used: 3 trials of 7 GiB.
    found, line = pack(Capacity(16, 64 * GIB, 1, 24 * GIB), host=GIB, device=7 * GIB)
    assert found == Resources(3, 5, 1 / 3)
    need = "a trial needs 7.0 GiB of GPU memory at its peak, 24.0 GiB are free"
    assert line == f"3 trials in parallel, on one GPU: {need}, 16 cores"


def test_cores_and_main_memory_limit_how_many_share_gpus() -> None:
    gpus = Capacity(cores=6, memory=64 * GIB, devices=2, device_memory=80 * GIB)
    assert pack(gpus, host=GIB, device=2 * GIB)[0] == Resources(6, 1, 1 / 3)
    assert pack(gpus, host=GIB, device=2 * GIB, cpus=2)[0] == Resources(2, 2, 1.0)
    assert pack(gpus, host=20 * GIB, device=2 * GIB)[0] == Resources(2, 3, 1.0)
    assert "1 on each of 2 GPUs" in pack(gpus, host=GIB, device=50 * GIB)[1]


@given(
    st.integers(1, 64),
    st.integers(1, 512),
    st.integers(0, 8),
    st.integers(1, 80),
    st.integers(1, 40),
    st.integers(1, 8),
)
def test_what_is_packed_fits(cores: int, memory: int, devices: int, device: int, peak: int, cpus: int) -> None:
    machine = Capacity(cores, memory * GIB, devices, device * GIB)
    try:
        on_device = peak * GIB if devices else 0
        found = pack(machine, host=peak * GIB, device=on_device, cpus=min(cpus, cores))[0]
    except UserError:
        assert peak * GIB > min(memory, device if devices else memory) * GIB * (1 - MARGIN) - 1
        return
    assert found.workers * found.cpus <= cores
    if devices:
        each = round(1 / found.gpus)
        assert each * peak <= device * (1 - MARGIN) + 1e-9
        assert found.workers <= devices * each
    assert found.workers * peak <= memory * (1 - MARGIN) + 1e-9
