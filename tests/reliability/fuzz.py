"""Runs `vfi interp` on randomly damaged clips: python -m tests.reliability.fuzz --count 2000 --seed 0

Each run must end with one of `ALLOWED_CODES` within `TIMEOUT`, without a signal, a traceback, a left-over file or more
memory than `MAX_MEMORY`. The output must be readable. The script keeps the inputs that fail, and its exit code is their
number.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tests.media import make_clip
from tests.reliability.program import Outcome, Run
from vfi_cli.errors import VfiError
from vfi_cli.video.read.probe import probe

ALLOWED_CODES = (0, 3, 5, 7)
TIMEOUT = 10  # seconds
MAX_MEMORY = 600 * 2**20  # bytes; a run that does nothing needs 230 MiB


def make_clips(folder: Path) -> list[bytes]:
    """Twelve small clips with different containers, codecs, other streams, frame orders and spacings."""
    uneven = [Fraction(k, 10) for k in (0, 1, 2, 5, 6, 9)]
    clips = [
        make_clip(folder / "1.mp4", 20, audio="aac", options={"bf": "3", "g": "10"}),
        make_clip(folder / "2.mp4", 20, faststart=True, rotation=90, sar=Fraction(16, 11)),
        make_clip(folder / "3.mkv", 20, audio="pcm_s16le", subtitle=True, chapters=[(0, 1, "a"), (1, 2, "b")]),
        make_clip(folder / "4.mkv", times=uneven, time_base=Fraction(1, 1000)),
        make_clip(folder / "5.webm", 10, codec="libvpx-vp9", options={"cpu-used": "8"}, audio="libopus"),
        make_clip(folder / "6.avi", 20, codec="mpeg4", audio="pcm_s16le"),
        make_clip(folder / "7.ts", 20, audio="aac", options={"g": "10"}),
        make_clip(folder / "8.mpg", 20, rate=25, codec="mpeg2video"),
        make_clip(folder / "9.mov", 10, codec="prores_ks", pix_fmt="yuv422p10le"),
        make_clip(folder / "10.nut", 10, codec="ffv1", pix_fmt="yuv444p", width=33, height=17),
        make_clip(folder / "11.gif", 10, codec="gif", pix_fmt="rgb8"),
        make_clip(
            folder / "12.mkv", 10, width=64, height=64, codec="libx265", options={"x265-params": "log-level=none"}
        ),
    ]
    return [clip.read_bytes() for clip in clips]


def damage(rng: random.Random, clips: Sequence[bytes]) -> bytes:
    """One of the clips with flipped bits, overwritten bytes, a missing part, zeros, or a part of another clip."""
    data = bytearray(rng.choice(clips))
    kind = rng.choice(("flips", "bytes", "truncation", "hole", "splice", "zeros"))
    begin, end = sorted(rng.randrange(len(data)) for _ in range(2))
    if kind in ("flips", "bytes"):
        # In half of the inputs, only the first 1500 bytes are damaged, where the headers are.
        reach = len(data) if rng.random() < 0.5 else min(len(data), 1500)
        for _ in range(rng.choice((1, 2, 5, 20, 100))):
            place = rng.randrange(reach)
            data[place] = (
                data[place] ^ 1 << rng.randrange(8) if kind == "flips" else rng.choice((0, 255, rng.randrange(256)))
            )
    elif kind == "truncation":
        del data[end:]
    elif kind == "hole":
        del data[begin : min(end, begin + 400)]
    elif kind == "splice":
        other = rng.choice(clips)
        place = rng.randrange(len(other))
        data[begin : begin + rng.choice((0, 50, 500))] = other[place : place + rng.choice((50, 500, 5000))]
    else:
        data[begin : min(end, begin + 200)] = bytes(min(end, begin + 200) - begin)
    return bytes(data)


@dataclass(frozen=True)
class Result:
    """The result of a run. `fault`: what the program did wrong; empty if nothing."""

    outcome: Outcome
    fault: str


def try_input(folder: Path, data: bytes) -> Result:
    """Run `vfi interp` on `data` in `folder`, which must be empty, and empty it afterwards."""
    source, target = folder / "in.bin", folder / "out.mkv"
    source.write_bytes(data)
    with tempfile.TemporaryDirectory(dir=folder.parent) as logs:
        outcome = Run(Path(logs), ["interp", source, "-o", target], timeout=TIMEOUT).wait()
    fault = _find_fault(outcome, source, target, data)
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return Result(outcome, fault)


def _find_fault(outcome: Outcome, source: Path, target: Path, data: bytes) -> str:
    if outcome.code is None:
        return "hang"
    if outcome.code < 0:
        return f"signal {-outcome.code}"
    if "Traceback" in outcome.err:
        return "traceback"
    if outcome.code not in ALLOWED_CODES:
        return f"exit {outcome.code}"
    if outcome.peak > MAX_MEMORY:
        return f"memory: {outcome.peak / 2**20:.0f} MiB"
    if source.read_bytes() != data:
        return "input changed"
    if set(source.parent.iterdir()) - {source} != ({target} if outcome.code in (0, 5) else set()):
        return "left-over file, or no output"
    if outcome.code in (0, 5):
        try:
            probe(target)
        except VfiError as error:
            return f"unreadable output: {error}"
    return ""


def results(count: int, seed: int, first: int = 0) -> Iterator[tuple[int, bytes, Result]]:
    """The (number, input, result) of the inputs from number `first` to `count` - 1 of a seed."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "seeds").mkdir()
        (Path(place) / "work").mkdir()
        clips = make_clips(Path(place) / "seeds")
        for number in range(first, count):
            data = damage(random.Random(seed * 1_000_003 + number), clips)
            yield number, data, try_input(Path(place) / "work", data)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input, to repeat a certain one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder for the inputs that fail")
    options = parser.parse_args()
    begin, codes, faults, slowest, largest = time.monotonic(), Counter[int | None](), Counter[str](), 0.0, 0
    for number, data, result in results(options.count, options.seed, options.first):
        outcome = result.outcome
        codes[outcome.code] += 1
        slowest, largest = max(slowest, outcome.seconds), max(largest, outcome.peak)
        if result.fault:
            faults[result.fault] += 1
            options.keep.mkdir(exist_ok=True)
            (options.keep / f"{options.seed}-{number}.bin").write_bytes(data)
            _print(f"{options.seed}-{number}: {result.fault}: {outcome.message}")
    _print(
        f"{sum(codes.values())} inputs in {time.monotonic() - begin:.0f} s; "
        f"exit codes {dict(sorted(codes.items(), key=str))}; {sum(faults.values())} faults {dict(faults)}; "
        f"slowest {slowest:.1f} s; at most {largest / 2**20:.0f} MiB"
    )
    return min(sum(faults.values()), os.EX_USAGE)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
