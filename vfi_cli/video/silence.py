"""An output without sound is an error where nobody asked for it, and says what would help."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vfi_cli.errors import InputError, OutputError
from vfi_cli.video.output import CONTAINERS
from vfi_cli.video.sound import SoundCodec
from vfi_cli.video.streams import StreamPlan, plan_streams
from vfi_cli.video.types import ClipInfo, StreamKind

_SUFFIXES = (".mkv", ".mov", ".mp4")  # to suggest
_SOUND: tuple[StreamKind] = ("audio",)
_USUAL = {"webm": "libopus"}  # else AAC


def refuse_silence(streams: StreamPlan, clip: ClipInfo, target: Path, sound: SoundCodec | None = None) -> None:
    """Raises an error if the container takes sound, but none of the clip's.

    sound: what it was to be converted to.

    OutputError if another container or another codec helps; InputError if nothing does, for nobody knows what it is.
    """
    refused = streams.refused_sound
    if refused is None:
        return
    remedies = list(_remedies(clip, CONTAINERS[target.suffix.lower()], sound))
    if not remedies and not refused.info.codec:
        raise InputError("the codec of the sound is unknown", path=clip.path, remedy="drop the sound with -an")
    what = "the sound cannot be converted" if sound is not None else "the sound cannot be copied"
    remedy = ", ".join([*remedies, "or drop the sound with -an" if remedies else "drop the sound with -an"])
    raise OutputError(f"{what}: {refused.reason}", path=target, remedy=remedy)


def _remedies(clip: ClipInfo, container: str, sound: SoundCodec | None) -> Iterator[str]:
    """What has been tried and works."""

    def works(name: str, codec: SoundCodec | None) -> bool:
        streams = plan_streams(clip, name, wanted=_SOUND, sound=codec)
        return any(kept.info.kind == "audio" for kept in streams.kept)

    takers = [suffix for suffix in _SUFFIXES if CONTAINERS[suffix] != container and works(CONTAINERS[suffix], sound)]
    if takers:
        yield f"write a {' or '.join(takers)} file"
    usual = SoundCodec(_USUAL.get(container, "aac"))
    if usual.name != (sound and sound.name) and works(container, usual):
        yield f"convert it with -c:a {usual.name}"
