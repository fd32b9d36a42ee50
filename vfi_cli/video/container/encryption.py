"""Detects encrypted files, which cannot be decoded without a key."""

from __future__ import annotations

from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vfi_cli.errors import InputError

_MATROSKA_TAG = "enc_key_id"  # the tag in which FFmpeg returns ContentEncryption
_ASF_TAG = "asf_protection_type"


def is_encrypted(packet: Packet[VideoStream]) -> bool:
    """Whether the packet is marked as encrypted by the boxes of MP4 (sinf and senc)."""
    return packet.size > 0 and bool(packet.has_sidedata("encryption_info"))


def refuse_encrypted(container: InputContainer, stream: VideoStream, marked: bool, path: Path) -> None:
    """Raise InputError if tags say that the video is encrypted, or if its packets are `marked`, see `is_encrypted`."""
    tags = {key.lower() for key in (*stream.metadata, *container.metadata)}
    if marked or _MATROSKA_TAG in tags or _ASF_TAG in tags:
        raise InputError(
            "the video is encrypted and cannot be read without its key",
            path=path,
            remedy="use a copy without copy protection",
        )
