"""How everything that writes a file ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class AbortableWriter(ABC):
    """As a context manager it is closed in the end, and abandoned if the body or the closing fails."""

    @abstractmethod
    def close(self) -> None:
        """Write what is still on its way and finish the file."""

    @abstractmethod
    def abort(self) -> None:
        """Release the file, whatever becomes of it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.abort()
            return
        try:
            self.close()
        except BaseException:
            self.abort()
            raise
