"""Refuses to drop all sound unless the user asked for it, and suggests remedies."""

from __future__ import annotations

from pathlib import Path

from vfi_cli.errors import InputError, OutputError
from vfi_cli.video.clip import ClipInfo, StreamKind
from vfi_cli.video.output import CONTAINERS
from vfi_cli.video.sound import SoundCodec
from vfi_cli.video.streams import StreamPlan, plan_streams

_SUFFIXES = (".mkv", ".mov", ".mp4")  # to suggest
_SOUND: tuple[StreamKind] = ("audio",)
_USUAL = {"webm": "libopus"}  # else AAC


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
    container = CONTAINERS[target.suffix.lower()]

    def works(name: str, codec: SoundCodec | None) -> bool:
        streams = plan_streams(clip, name, wanted=_SOUND, sound=codec)
        return any(kept.info.kind == "audio" for kept in streams.kept)

    takers = [suffix for suffix in _SUFFIXES if CONTAINERS[suffix] != container and works(CONTAINERS[suffix], sound)]
    remedies = [f"write a {' or '.join(takers)} file"] if takers else []
    usual = SoundCodec(_USUAL.get(container, "aac"))
    if usual.name != (sound and sound.name) and works(container, usual):
        remedies.append(f"convert it with -c:a {usual.name}")
    return remedies
