from __future__ import annotations

import errno
import mmap
import shutil

import pytest
import torch

from tuning.workers.failures import MEMORY, STORAGE, failure_cause, oom_kill_count


def _too_large_for_torch() -> RuntimeError:
    try:
        torch.empty(2**60, dtype=torch.uint8)
    except RuntimeError as error:
        return error
    raise AssertionError("this machine has an exabyte of memory")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), STORAGE),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), STORAGE),
        (shutil.Error([("a/checkpoint", "b/checkpoint", "[Errno 28] No space left on device")]), STORAGE),
        (OSError("Can't write data (errno = 28, error message = 'No space left on device')"), STORAGE),
        (ValueError("No space left on device"), ""),
        (OSError(errno.EACCES, "Permission denied"), ""),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), MEMORY),
        (MemoryError(), MEMORY),
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), MEMORY),
        (RuntimeError("shape mismatch"), ""),
        (ValueError("out of memory"), ""),
        (FloatingPointError("loss/gan not finite by step 3"), ""),
    ],
)
def test_causes(error: BaseException, expected: str) -> None:
    assert failure_cause(error) == expected


def test_what_libraries_really_raise() -> None:
    assert failure_cause(_too_large_for_torch()) == MEMORY
    with pytest.raises((OSError, MemoryError, OverflowError)) as caught:
        mmap.mmap(-1, 2**60)
    assert failure_cause(caught.value) == MEMORY


def test_the_kernels_count_is_a_number() -> None:
    assert oom_kill_count() >= 0
