"""Tags, stream flags, chapters and timecode of an output."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from av.container import OutputContainer
from av.stream import Disposition, Stream

from vfi_cli.video.clip import Chapter, ClipInfo
from vfi_cli.video.formats import OutputFormat

# The names of tags that describe the source file, not its content, begin with these words.
_STALE_TAGS = (
    *("major_brand", "minor_version", "compatible_brands", "encoder"),
    *("duration", "bps", "number_of_", "_statistics", "vendor_id"),
    *("timecode", "alpha_mode"),  # written anew for the output
)
_TICK = Fraction(1, 1_000_000)  # seconds; for the times of chapters
# The only tags of a file that the MP4 muxer writes.
_MP4_TAGS = frozenset(
    (
        *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "grouping"),
        *("lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "track", "disc"),
        *("episode_sort", "season_number", "media_type", "hd_video", "gapless_playback", "compilation", "tmpo"),
        *("creation_time", "location"),
    )
)
# QuickTime has its own list of languages. It uses the older codes of ISO 639-2 for these.
_QUICKTIME_LANGUAGES = {"deu": "ger", "nld": "dut", "ell": "gre", "isl": "ice", "zho": "chi", "sqi": "alb"}


@dataclass(frozen=True, slots=True)
class OutputTags:
    """Tags, flags and chapters of an output.

    Args:
        metadata: tags of the file.
        free_tags: MP4 and QuickTime keep tags with any name, in a table that few players read.
        tags, flags: of the video stream, as in `ClipInfo`.
        chapters: their times are on the clock of the output.
        notes: one sentence for the tags that the output cannot hold.
    """

    metadata: Mapping[str, str] = field(default_factory=dict)
    free_tags: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    notes: tuple[str, ...] = ()

    def put(self, container: OutputContainer, output: OutputFormat, video: Stream) -> None:
        """Set the tags of `container` and of its stream `video`. The header must not be written yet."""
        container.metadata.update(self.metadata)
        tag_stream(video, output, self.tags, self.flags)
        if self.chapters:
            container.set_chapters(
                [
                    {
                        "id": number,
                        "start": round(chapter.start / _TICK),
                        "end": round(chapter.end / _TICK),
                        "time_base": _TICK,
                        "metadata": chapter.metadata,
                    }
                    for number, chapter in enumerate(self.chapters)
                ]
            )


def plan_tags(
    info: ClipInfo,
    output: OutputFormat,
    *,
    rate: Fraction,
    origin: Fraction,
    stretch: int,
    start: Fraction | None,
    stop: Fraction | None,
) -> OutputTags:
    """The tags of an output with `rate` frames per second; see `plan_encode` for the other arguments."""
    metadata, tags = kept_tags(info.metadata), kept_tags(info.tags)
    timecode = output_timecode(info.timecode, info.average_rate, rate, start or Fraction(0))
    if timecode:
        tags["timecode"] = timecode
    unlisted = [key for key in metadata if key.lower() not in _MP4_TAGS] if output.is_mp4 else []
    # MP4 stores either its standard tags or a table of free tags, and no cover beside that table. QuickTime stores both
    # kinds. The free table of MP4 loses the titles, so it is used only for the tags of phones, which come from such a
    # table (com.apple.quicktime.make).
    has_cover = any(stream.cover for stream in info.others)
    free = output.quicktime or (any(key.startswith("com.") for key in unlisted) and not has_cover)
    lost = [] if free else unlisted
    return OutputTags(
        metadata={key: tag for key, tag in metadata.items() if key not in lost},
        free_tags=free and bool(unlisted),
        tags=tags,
        flags=info.flags,
        chapters=_output_chapters(info, origin, stretch, stop),
        notes=(f"{output.muxer} has no place for the tags {', '.join(lost)}",) if lost else (),
    )


def kept_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """The tags to keep: those about the content, not about the source file. A stream's "name" becomes its "title"."""
    tags = {key: tag for key, tag in metadata.items() if not key.lower().startswith(_STALE_TAGS)}
    if "name" in tags:  # MP4's word for the title of a stream; every muxer knows "title"
        tags.setdefault("title", tags.pop("name"))
    return tags


def tag_stream(stream: Stream, output: OutputFormat, tags: Mapping[str, str], flags: Iterable[str]) -> None:
    """Set the tags and flags of an output's `stream`. The header must not be written yet."""
    stream.metadata.update(tags)
    language = tags.get("language", "")
    if output.quicktime and language in _QUICKTIME_LANGUAGES:
        stream.metadata["language"] = _QUICKTIME_LANGUAGES[language]
    disposition = Disposition(0)
    for flag in flags:
        disposition |= Disposition[flag]
    stream.disposition = disposition


def _output_chapters(info: ClipInfo, origin: Fraction, stretch: int, stop: Fraction | None) -> tuple[Chapter, ...]:
    """The chapters on the clock of the output, cut to the used part of the clip; for arguments see `plan_encode`."""
    end = (info.start + stop) * stretch - origin if stop is not None else None
    kept = []
    for chapter in info.chapters:
        begins = max(chapter.start * stretch - origin, Fraction(0))
        ends = chapter.end * stretch - origin
        ends = ends if end is None else min(ends, end)
        if begins < ends:
            kept.append(Chapter(begins, ends, chapter.metadata))
    return tuple(kept)


def output_timecode(timecode: str, rate: Fraction, out_rate: Fraction, skipped: Fraction) -> str:
    """The timecode of the first frame of the output; empty if `timecode` is not a valid one.

    Hours, minutes and seconds stay the same. The frame number is counted at the new rate.

    Args:
        timecode: of the first frame of the clip, "hh:mm:ss:ff". A ";" or "." before the frames means drop frame: some
            frame numbers are skipped, so that the timecode follows the clock (SMPTE ST 12-1).
        rate, out_rate: frames per second of the clip and of the output.
        skipped: seconds at the beginning of the clip that are not used.
    """
    match = re.fullmatch(r"(\d\d):(\d\d):(\d\d)([:;.])(\d+)", timecode)
    if not match:
        return ""
    hours, minutes, seconds, frame = (int(match[group]) for group in (1, 2, 3, 5))
    base, out_base = max(1, round(rate)), max(1, round(out_rate))
    drop = base // 15 if match[4] != ":" and base % 30 == 0 else 0  # numbers skipped per minute, but not in every tenth
    count = ((hours * 60 + minutes) * 60 + seconds) * base + frame
    if drop:
        minutes += hours * 60
        count -= drop * (minutes - minutes // 10)
    count += round(skipped * rate)
    if drop:
        tens, rest = divmod(count, 600 * base - 9 * drop)
        count += 9 * drop * tens + drop * max(0, (rest - drop) // (60 * base - drop))
    seconds, frame = divmod(count, base)
    separator = ";" if drop and out_base % 30 == 0 else ":"
    clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{clock}{separator}{frame * out_base // base:02}"
