"""How far a job is, and what it did. Values that need no network: a parent of workers reads them too."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from vfi_cli.jobs.interp.pipeline import StageTime

DAMAGED = 5
"""Exit code: done, but the input was damaged."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: frames `read` and `written` after `seconds`, about `expected` to write.

    Of those written, an earlier run has made the `kept` ones.
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
        copied: frames of the output that are frames of the source; `generated`: those that are not.
        kept: frames of the output that an interrupted run had finished before this one.
        replaced: repeated frames of the source that generated ones took the place of.
        pauses: gaps between frames of the source that were held, because they were longer than the limit.
        cuts: scene cuts that would have had to be bridged.
        damaged: frames of the source that are lost, or were decoded from damaged data; and packets of the sound.
        repairs: one sentence for each repair.
        duration_in, duration_out: seconds.
        seconds: of wall time.
        stages: the work of each stage; their rates bound that of the whole.
        route_shares: share of the patches that ran each dynamic block, 0 where nothing was generated.
        peak_bytes: the most memory that the process held at once.
        device: for people.
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
        """The stage that worked longest: a faster one of the others would change nothing."""
        return max(self.stages, key=lambda stage: stage.busy).name

    @property
    def exit_code(self) -> int:
        return DAMAGED if self.damaged else 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it: times in seconds as floats."""
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
