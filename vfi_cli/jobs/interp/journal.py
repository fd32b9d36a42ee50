"""The journal lists the finished segments of a job, so that an interrupted job can be resumed.

The first line describes the job, each further line one segment. Every line begins with a hash of its text, so a cut or
damaged line is recognised and ignored. A segment is on the disk before its line is written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vfi_cli.disk import replacing, sync
from vfi_cli.errors import CommitError, DeviceError, DiskFullError, FieldsError, OutputError, VfiError, cannot_write
from vfi_cli.jobs.interp.fingerprint import REFUSED
from vfi_cli.video.location.output_file import OutputFile
from vfi_cli.video.write.segments import Segment


class Journal:
    """Finds the segments that an earlier run of `job` left in the folder of `target`, and records new ones.

    Args:
        target: the output; its folder holds the journal and the segments.
        job: everything that the segments depend on, see `fingerprint`.
        restart: ignore the segments of earlier runs.

    Attributes:
        segments: the intact segments, by number.

    Raises OutputError if the segments belong to a different job, or if the journal cannot be written.
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
        """The number of frames in all segments."""
        return sum(segment.frames for segment in self.segments.values())

    def append(self, segment: Segment) -> None:
        """Record a segment. Its file must be on the disk already. Raises OutputError."""
        try:
            with self._path.open("ab") as file:
                file.write(_line(asdict(segment)))
                file.flush()
                sync(file.fileno())
        except OSError as error:
            raise cannot_write(self._target.path, error) from error
        self.segments[segment.number] = segment

    @contextmanager
    def keeping_segments(self, *keep_after: type[VfiError]) -> Iterator[None]:
        """If the body of the `with` fails, decide whether the finished segments are kept for a later run.

        They are kept after an interruption or a bug, and after errors that a later run may not meet: a full disk, an
        output that cannot be moved to its place, a missing device, undeclared interlacing. They are removed after any
        other VfiError. A note of the exception says what is kept.

        Args:
            keep_after: further errors after which the segments are kept.
        """
        try:
            yield
        except BaseException as error:
            temporary = isinstance(error, (DiskFullError, CommitError, DeviceError, FieldsError, keep_after))
            resumable = not isinstance(error, VfiError) or temporary
            self._target.kept = resumable and bool(self.segments)
            if self._target.kept:
                option = " with one of these options" if isinstance(error, FieldsError) else ""
                error.add_note(f"{self.frames} frames are finished: the same command{option} resumes the job")
            elif resumable:
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
                f"the job differs from the interrupted one: {'; '.join(changes)}",
                path=self._target.path,
                remedy="use the options of the interrupted run, or start again with --restart",
            )

    def _begin(self, job: dict[str, str]) -> None:
        """Rewrite the journal without invalid lines, and remove the segment files that it does not list."""
        with replacing(self._path) as temp_path:
            temp_path.write_bytes(b"".join(map(_line, (job, *map(asdict, self.segments.values())))))
        known = {segment.path(self._target.folder) for segment in self.segments.values()}
        for path in self._target.folder.glob("*.mkv"):
            if path not in known:
                path.unlink()


def _line(entry: dict[str, Any]) -> bytes:
    text = json.dumps(entry).encode()
    return _checksum(text) + b" " + text + b"\n"


def _read(path: Path) -> list[dict[str, Any]]:
    """The valid entries, the first of which is the job. Empty if there is no journal or the job's line is damaged."""
    entries: list[dict[str, Any]] = []
    with suppress(FileNotFoundError):
        for number, line in enumerate(path.read_bytes().splitlines()):
            checksum, _, text = line.partition(b" ")
            if checksum == _checksum(text):
                entries.append(json.loads(text))
            elif number == 0:
                return []
    return entries


def _checksum(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:16].encode()
