"""Refuses to drop all audio unless the user asked for it, and suggests remedies."""

from __future__ import annotations

from pathlib import Path

from vfi_cli.errors import InputError, OutputError
from vfi_cli.video.clip import ClipInfo, StreamKind
from vfi_cli.video.formats import MKV, MOV, MP4, OutputFormat, output_format
from vfi_cli.video.streams.audio import AudioCodec
from vfi_cli.video.streams.stream_plan import StreamPlan, plan_streams

_SUGGESTED = {".mkv": MKV, ".mov": MOV, ".mp4": MP4}
_AUDIO: tuple[StreamKind] = ("audio",)


def require_audio(streams: StreamPlan, clip: ClipInfo, target: Path, audio_codec: AudioCodec | None = None) -> None:
    """Raise an error if the container can hold audio, but no audio stream of the clip is kept.

    Args:
        streams: which streams are kept.
        clip: the source.
        target: the final file.
        audio_codec: the codec that audio should be converted to; None: it should be copied.

    Raises:
        InputError: the codec of the audio is unknown, and no other container or codec helps.
        OutputError: the container refuses the audio; the error suggests remedies.
    """
    refused = streams.refused_audio
    if refused is None:
        return
    remedies = find_remedies(clip, target, audio_codec)
    if not remedies and not refused.info.codec:
        raise InputError("the codec of the audio is unknown", path=clip.path, remedy="drop the audio with -an")
    problem = "the audio cannot be converted" if audio_codec is not None else "the audio cannot be copied"
    remedy = ", ".join([*remedies, "or drop the audio with -an" if remedies else "drop the audio with -an"])
    raise OutputError(f"{problem}: {refused.reason}", path=target, remedy=remedy)


def find_remedies(clip: ClipInfo, target: Path, audio_codec: AudioCodec | None = None) -> list[str]:
    """Ways to keep audio that the container of `target` refuses. Each one was tried and works."""
    requested = output_format(target)

    def works(output: OutputFormat, codec: AudioCodec | None) -> bool:
        streams = plan_streams(clip, output, wanted=_AUDIO, audio_codec=codec)
        return any(kept.info.kind == "audio" for kept in streams.kept)

    suffixes = [
        suffix for suffix, output in _SUGGESTED.items() if output is not requested and works(output, audio_codec)
    ]
    remedies = [f"write a {' or '.join(suffixes)} file"] if suffixes else []
    default_codec = AudioCodec("libopus" if requested.royalty_free else "aac")
    if default_codec.name != (audio_codec and audio_codec.name) and works(requested, default_codec):
        remedies.append(f"convert it with -c:a {default_codec.name}")
    return remedies
