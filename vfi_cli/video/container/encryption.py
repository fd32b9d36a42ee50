"""Detects files that are marked as encrypted: nothing in them can be decoded without a key."""

from __future__ import annotations

from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vfi_cli.errors import InputError

_MATROSKA = "enc_key_id"  # ContentEncryption, which FFmpeg puts among the tags of the stream
_ASF = "asf_protection_type"


def is_encrypted(packet: Packet[VideoStream]) -> bool:
    """Whether the packet is marked as encrypted by the boxes of MP4 (sinf and senc)."""
    return packet.size > 0 and bool(packet.has_sidedata("encryption_info"))


def refuse_encrypted(container: InputContainer, stream: VideoStream, marked: bool, path: Path) -> None:
    """Raises InputError if the picture is encrypted; `marked`: its packets are marked as encrypted."""
    tags = {key.lower() for key in (*stream.metadata, *container.metadata)}
    if marked or _MATROSKA in tags or _ASF in tags:
        raise InputError(
            "the video is encrypted and cannot be read without its key",
            path=path,
            remedy="give a copy without copy protection",
        )
