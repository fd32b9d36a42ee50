"""What the places of all outputs have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self


class OutputLocation(ABC):
    """The place of an output, before and after it is complete. The end of a `with` block releases it.

    Attributes:
        temp_path: where the output is written before it is complete.
    """

    temp_path: Path

    @abstractmethod
    def commit(self) -> None:
        """Move the complete output to its final path. Raises OutputError."""

    @abstractmethod
    def release(self) -> None:
        """Remove what no later run needs, and let other runs use the place."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
