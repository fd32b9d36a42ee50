"""Refuses to drop all sound unless the user asked for it, and suggests remedies."""

from __future__ import annotations

from pathlib import Path

from vfi_cli.errors import InputError, OutputError
from vfi_cli.video.clip import ClipInfo, StreamKind
from vfi_cli.video.formats import MKV, MOV, MP4, OutputFormat, output_format
from vfi_cli.video.streams.audio import SoundCodec
from vfi_cli.video.streams.stream_plan import StreamPlan, plan_streams

_SUGGESTED = {".mkv": MKV, ".mov": MOV, ".mp4": MP4}
_SOUND: tuple[StreamKind] = ("audio",)


def refuse_silence(streams: StreamPlan, clip: ClipInfo, target: Path, sound: SoundCodec | None = None) -> None:
    """Raises an error if the container takes sound, but none of the clip's.

    sound: the codec that sound should be converted to.

    InputError if the codec of the sound is unknown and no container or codec helps; else OutputError.
    """
    refused = streams.refused_sound
    if refused is None:
        return
    remedies = find_remedies(clip, target, sound)
    if not remedies and not refused.info.codec:
        raise InputError("the codec of the sound is unknown", path=clip.path, remedy="drop the sound with -an")
    what = "the sound cannot be converted" if sound is not None else "the sound cannot be copied"
    remedy = ", ".join([*remedies, "or drop the sound with -an" if remedies else "drop the sound with -an"])
    raise OutputError(f"{what}: {refused.reason}", path=target, remedy=remedy)


def find_remedies(clip: ClipInfo, target: Path, sound: SoundCodec | None = None) -> list[str]:
    """How sound that the container of `target` refuses can be kept. Each remedy was tried and works."""
    asked = output_format(target)

    def works(output: OutputFormat, codec: SoundCodec | None) -> bool:
        streams = plan_streams(clip, output, wanted=_SOUND, sound=codec)
        return any(kept.info.kind == "audio" for kept in streams.kept)

    takers = [suffix for suffix, output in _SUGGESTED.items() if output is not asked and works(output, sound)]
    remedies = [f"write a {' or '.join(takers)} file"] if takers else []
    usual = SoundCodec("libopus" if asked.royalty_free else "aac")
    if usual.name != (sound and sound.name) and works(asked, usual):
        remedies.append(f"convert it with -c:a {usual.name}")
    return remedies
