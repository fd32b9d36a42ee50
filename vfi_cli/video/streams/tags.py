"""What a file says about itself beside its streams: tags, flags, chapters, timecode."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from av.container import OutputContainer
from av.stream import Disposition, Stream

from vfi_cli.video.clip import Chapter, ClipInfo
from vfi_cli.video.formats import OutputFormat

# Tags that describe the file they were read from begin so; the rest is about the content.
_STALE_TAGS = (
    *("major_brand", "minor_version", "compatible_brands", "encoder"),
    *("duration", "bps", "number_of_", "_statistics", "vendor_id"),
    *("timecode", "alpha_mode"),  # are told anew
)
_TICK = Fraction(1, 1_000_000)  # of chapters
# What the muxer of MP4 has a place for, of the tags of a file.
_MP4_TAGS = frozenset(
    (
        *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "grouping"),
        *("lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "track", "disc"),
        *("episode_sort", "season_number", "media_type", "hd_video", "gapless_playback", "compilation", "tmpo"),
        *("creation_time", "location"),
    )
)
# QuickTime knows languages by its own list, in which these go by their older codes of ISO 639-2.
_QUICKTIME_LANGUAGES = {"deu": "ger", "nld": "dut", "ell": "gre", "isl": "ice", "zho": "chi", "sqi": "alb"}


@dataclass(frozen=True, slots=True)
class OutputTags:
    """What is carried over from a clip to an output, beside its streams.

    Args:
        metadata: tags of the file.
        free_tags: MP4 and QuickTime are to keep tags under any name, in a table that few players read.
        tags, flags: of the picture, as in `ClipInfo`.
        chapters: on the clock of the output.
        notes: one sentence for what cannot be carried over.
    """

    metadata: Mapping[str, str] = field(default_factory=dict)
    free_tags: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    notes: tuple[str, ...] = ()

    def put(self, container: OutputContainer, output: OutputFormat, video: Stream) -> None:
        """Label `container` and the picture in it, before the header is written."""
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
    """The tags of an output of `rate` frames per second; see `plan_encode` for the other arguments."""
    metadata, tags = fresh_tags(info.metadata), fresh_tags(info.tags)
    timecode = moved_timecode(info.timecode, info.average_rate, rate, start or Fraction(0))
    if timecode:
        tags["timecode"] = timecode
    foreign = [key for key in metadata if key.lower() not in _MP4_TAGS] if output.is_mp4 else []
    # QuickTime has room for both tables. MP4 has not, nor for a cover beside the free one: names like those of
    # telephones (com.apple.quicktime.make) come from such a table and go there, others are not worth the titles.
    covered = any(stream.cover for stream in info.others)
    free = output.quicktime or (any(key.startswith("com.") for key in foreign) and not covered)
    lost = [] if free else foreign
    return OutputTags(
        metadata={key: tag for key, tag in metadata.items() if key not in lost},
        free_tags=free and bool(foreign),
        tags=tags,
        flags=info.flags,
        chapters=_kept_chapters(info, origin, stretch, stop),
        notes=(f"{output.muxer} has no place for the tags {', '.join(lost)}",) if lost else (),
    )


def fresh_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """The tags that are still true of a copy, with the title of a stream under the name that every muxer knows."""
    tags = {key: tag for key, tag in metadata.items() if not key.lower().startswith(_STALE_TAGS)}
    if "name" in tags:  # as MP4 calls it
        tags.setdefault("title", tags.pop("name"))
    return tags


def tag_stream(stream: Stream, output: OutputFormat, tags: Mapping[str, str], flags: Iterable[str]) -> None:
    """Give `stream` of an output its tags and flags, before the header is written."""
    stream.metadata.update(tags)
    language = tags.get("language", "")
    if output.quicktime and language in _QUICKTIME_LANGUAGES:
        stream.metadata["language"] = _QUICKTIME_LANGUAGES[language]
    disposition = Disposition(0)
    for flag in flags:
        disposition |= Disposition[flag]
    stream.disposition = disposition


def _kept_chapters(info: ClipInfo, origin: Fraction, stretch: int, stop: Fraction | None) -> tuple[Chapter, ...]:
    """The chapters on the clock of the output, cut to the part that is used; see `plan_encode` for the arguments."""
    end = (info.start + stop) * stretch - origin if stop is not None else None
    kept = []
    for chapter in info.chapters:
        begins = max(chapter.start * stretch - origin, Fraction(0))
        ends = chapter.end * stretch - origin
        ends = ends if end is None else min(ends, end)
        if begins < ends:
            kept.append(Chapter(begins, ends, chapter.metadata))
    return tuple(kept)


def moved_timecode(timecode: str, rate: Fraction, out_rate: Fraction, skipped: Fraction) -> str:
    """The timecode of the first frame of the output; empty if `timecode` is none.

    Hours, minutes and seconds stay, frames are counted at the new rate.

    Args:
        timecode: of the first frame of the clip, "hh:mm:ss:ff"; a ";" or "." before the frames means that numbers are
            dropped to stay with the clock (SMPTE ST 12-1).
        rate, out_rate: frames per second.
        skipped: seconds of the clip that are not used.
    """
    parts = re.fullmatch(r"(\d\d):(\d\d):(\d\d)([:;.])(\d+)", timecode)
    if not parts:
        return ""
    hours, minutes, seconds, frame = (int(parts[group]) for group in (1, 2, 3, 5))
    base, out_base = max(1, round(rate)), max(1, round(out_rate))
    drop = base // 15 if parts[4] != ":" and base % 30 == 0 else 0  # numbers a minute, but for each tenth
    count = ((hours * 60 + minutes) * 60 + seconds) * base + frame
    if drop:
        minutes += hours * 60
        count -= drop * (minutes - minutes // 10)
    count += round(skipped * rate)
    if drop:
        tens, rest = divmod(count, 600 * base - 9 * drop)
        count += 9 * drop * tens + drop * max(0, (rest - drop) // (60 * base - drop))
    seconds, frame = divmod(count, base)
    mark = ";" if drop and out_base % 30 == 0 else ":"
    clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{clock}{mark}{frame * out_base // base:02}"
