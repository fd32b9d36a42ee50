"""The progress and the summary of a job. This file loads no torch, so the parent process of workers can use it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from vfi_cli.jobs.interp.pipeline import StageTime

DAMAGED = 5
"""Exit code of a finished job whose source was damaged."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Args:
        read: frames of the source so far.
        written: frames of the output so far.
        expected: the approximate number of frames of the output; 0 if unknown.
        seconds: of wall time so far.
        route_shares: as in `Summary`, so far.
        kept: frames among `written` that an earlier run has made.
    """

    read: int
    written: int
    expected: int
    seconds: float
    route_shares: tuple[float, ...]
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a job did.

    Args:
        frames_in: frames of the source.
        frames_out: frames of the output.
        generated: frames of the output that are not copies.
        copied: frames of the output that are copies of frames of the source.
        kept: frames of the output that an interrupted run had finished before this one.
        replaced: repeated frames of the source that were replaced by interpolated frames.
        pauses: gaps between frames of the source that are pauses; the frame before is held.
        cuts: scene cuts with slots between their two frames.
        damaged: frames of the source that are lost or were decoded from damaged data, plus damaged packets of the other
            streams, plus whole audio streams that are too damaged to copy.
        repairs: one sentence for each repair.
        duration_in, duration_out: seconds.
        seconds: of wall time.
        stages: the work of each stage. The slowest stage limits the whole job.
        route_shares: for each dynamic refine block, the share of the patches that ran it; 0 if no frame was generated.
        peak_bytes: the most memory that the process used at any time.
        device: name of the device, for users.
    """

    source: Path
    target: Path
    frames_in: int
    frames_out: int
    generated: int
    copied: int
    kept: int
    replaced: int
    pauses: int
    cuts: int
    damaged: int
    repairs: tuple[str, ...]
    duration_in: Fraction
    duration_out: Fraction
    seconds: float
    stages: tuple[StageTime, ...]
    route_shares: tuple[float, ...]
    peak_bytes: int
    device: str

    @property
    def bottleneck(self) -> str:
        """The name of the stage that worked longest. The job is faster only if this stage is."""
        return max(self.stages, key=lambda stage: stage.busy).name

    @property
    def exit_code(self) -> int:
        return DAMAGED if self.damaged else 0

    def to_dict(self) -> dict[str, Any]:
        """The summary as values that JSON supports; times are seconds as floats."""
        return {
            "source": str(self.source),
            "target": str(self.target),
            "frames_in": self.frames_in,
            "frames_out": self.frames_out,
            "generated": self.generated,
            "copied": self.copied,
            "kept": self.kept,
            "replaced": self.replaced,
            "pauses": self.pauses,
            "cuts": self.cuts,
            "damaged": self.damaged,
            "repairs": list(self.repairs),
            "duration_in": float(self.duration_in),
            "duration_out": float(self.duration_out),
            "seconds": self.seconds,
            "stages": {stage.name: {"frames": stage.items, "fps": stage.rate} for stage in self.stages},
            "bottleneck": self.bottleneck,
            "route_shares": list(self.route_shares),
            "peak_bytes": self.peak_bytes,
            "device": self.device,
            "exit_code": self.exit_code,
        }
