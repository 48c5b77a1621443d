"""The file that HDF5 writes a clip file to: failed writes are reported afterwards, not to HDF5.

HDF5 keeps unwritten data in memory and crashes the process if a write fails, for example because the disk is full, and
the file is then closed. So it is told that every write succeeded, and the error is raised once HDF5 has returned.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any


class Hdf5Output(io.RawIOBase):
    """A file object for `h5py.File`. After the first error nothing more is written, and `check` raises the error.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        self._position = 0
        self._error: BaseException | None = None

    def check(self) -> None:
        """Raises the first error of a write, such as `OSError` or `KeyboardInterrupt`; the file is then unusable."""
        if self._error is not None:
            raise self._error

    def write(self, data: Any, /) -> int:
        part = memoryview(data).cast("B")
        size = len(part)
        try:
            while len(part) and self._error is None:
                done = os.pwrite(self._descriptor, part, self._position + size - len(part))
                part = part[done:]
        except BaseException as error:  # an interrupt here would be an error in HDF5
            self._error = self._error or error
        self._position += size
        return size

    def truncate(self, size: int | None = None, /) -> int:
        size = self._position if size is None else size
        try:
            if self._error is None:
                os.ftruncate(self._descriptor, size)
        except BaseException as error:
            self._error = error
        return size

    def readinto(self, buffer: Any, /) -> int:
        target = memoryview(buffer).cast("B")
        data = os.pread(self._descriptor, len(target), self._position)
        target[:] = data.ljust(len(target), b"\0")  # beyond the end after a failed write
        self._position += len(target)
        return len(target)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position}.get(whence, os.fstat(self._descriptor).st_size)
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """Closes the file; an error that the system reports only now is kept for `check`."""
        if not self.closed:
            try:
                os.close(self._descriptor)
            except OSError as error:
                self._error = self._error or error
        super().close()
