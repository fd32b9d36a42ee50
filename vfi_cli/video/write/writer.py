"""Base class of everything that writes a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class AbortableWriter(ABC):
    """A context manager that calls `close` at the end of its body, and `abort` if the body or `close` fails."""

    @abstractmethod
    def close(self) -> None:
        """Write what is still in memory and finish the file."""

    @abstractmethod
    def abort(self) -> None:
        """Close the file, which may be left unfinished."""

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
