"""What an interrupted job has finished, and which job that was.

A line for the job and one for every closed piece of its picture, each beginning with a digest of itself: a line that
was cut or damaged counts for nothing. A piece is on the disk before its line is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vfi_cli.errors import CommitError, DeviceError, DiskFullError, FieldsError, OutputError, VfiError, cannot_write
from vfi_cli.jobs.interp.fingerprint import REFUSED
from vfi_cli.video.location.disk import sync
from vfi_cli.video.location.output_file import OutputFile
from vfi_cli.video.write.segments import Segment


class Journal:
    """Finds the pieces that an earlier run of `job` has left in the folder of `target`, and notes new ones.

    Args:
        job: all that the result depends on, by names that mean something to the user.
        restart: forget what is there.

    Attributes:
        segments: the intact pieces, by number.

    Raises OutputError if the pieces in the folder are those of another job, and if it cannot be written.
    """

    def __init__(self, target: OutputFile, job: Mapping[str, str], *, restart: bool = False) -> None:
        self.segments: dict[int, Segment] = {}
        self._target = target
        self._path = target.folder / "journal"
        try:
            if not restart:
                self._resume(dict(job))
            self._begin(dict(job))
        except OSError as error:
            raise cannot_write(target.path, error) from error

    @property
    def frames(self) -> int:
        """How many frames the pieces hold."""
        return sum(segment.frames for segment in self.segments.values())

    def append(self, segment: Segment) -> None:
        """Note a piece, whose bytes are on the disk."""
        try:
            with self._path.open("ab") as file:
                file.write(_line(asdict(segment)))
                file.flush()
                sync(file.fileno())
        except OSError as error:
            raise cannot_write(self._target.path, error) from error
        self.segments[segment.number] = segment

    @contextmanager
    def guarding(self, *beside: type[VfiError]) -> Iterator[None]:
        """Keep the finished pieces if the body is interrupted or lacks room, a place or a device. Drop them after any
        other error. A note of the exception says what is kept.

        beside: further errors after which the pieces are kept.
        """
        try:
            yield
        except BaseException as error:
            passing = isinstance(error, (DiskFullError, CommitError, DeviceError, FieldsError, beside))
            may_go_on = not isinstance(error, VfiError) or passing
            self._target.kept = may_go_on and bool(self.segments)
            if self._target.kept:
                option = " with one of these options" if isinstance(error, FieldsError) else ""
                error.add_note(f"{self.frames} frames are finished: the same command{option} goes on from there")
            elif may_go_on:
                error.add_note("nothing was kept")
            raise

    def _resume(self, job: dict[str, str]) -> None:
        old, *entries = _read(self._path) or [job]
        for entry in entries:
            segment = Segment(**{**entry, "spans": tuple(map(tuple, entry["spans"]))})
            if segment.is_intact(self._target.folder):
                self.segments[segment.number] = segment
        names = [name for name in {**old, **job} if old.get(name) != job.get(name)]
        if names == ["fields"] and old["fields"] == REFUSED:
            names = []
        if self.segments and names:
            changes = (f"{name} was {old.get(name)}, now {job.get(name)}" for name in names)
            raise OutputError(
                f"job differs from the interrupted one: {'; '.join(changes)}",
                path=self._target.path,
                remedy="run it as before, or begin anew with --restart",
            )

    def _begin(self, job: dict[str, str]) -> None:
        """Write the journal anew, without what counts for nothing, and remove pieces that it does not name."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            for entry in (job, *map(asdict, self.segments.values())):
                file.write(_line(entry))
            file.flush()
            sync(file.fileno())
        fresh.replace(self._path)
        known = {segment.path(self._target.folder) for segment in self.segments.values()}
        for path in self._target.folder.glob("*.mkv"):
            if path not in known:
                path.unlink()


def _line(entry: dict[str, Any]) -> bytes:
    text = json.dumps(entry).encode()
    return _mark(text) + b" " + text + b"\n"


def _read(path: Path) -> list[dict[str, Any]]:
    """The entries that are whole; none if that of the job is not."""
    entries: list[dict[str, Any]] = []
    with suppress(FileNotFoundError):
        for number, line in enumerate(path.read_bytes().splitlines()):
            mark, _, text = line.partition(b" ")
            if mark == _mark(text):
                entries.append(json.loads(text))
            elif number == 0:
                return []
    return entries


def _mark(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:16].encode()
