"""Encrypted files are refused with an error that says so."""

import av
import pytest

from tests.media import make_clip
from vfi_cli.errors import InputError
from vfi_cli.video.read.probe import probe


def copied(clip, path, tags=None, **options):
    with av.open(str(clip)) as source, av.open(str(path), "w", container_options=options) as sink:
        copy = sink.add_stream_from_template(source.streams.video[0], opaque=True)
        copy.metadata.update(tags or {})
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                sink.mux(packet)
    return path


def test_an_encrypted_mp4_file_is_refused(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 6)
    key = {"encryption_key": "76a6c65c5ea762046bd749a2e632ccbb", "encryption_kid": "a7e61c373e219033c21091fa607bf3b8"}
    path = copied(clip, tmp_path / "b.mp4", encryption_scheme="cenc-aes-ctr", **key)
    with pytest.raises(InputError, match="encrypted"):
        probe(path)
    assert probe(copied(clip, tmp_path / "c.mp4")).frame_count == 6


def test_an_encrypted_matroska_file_is_refused(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 6)
    with pytest.raises(InputError, match="encrypted"):
        probe(copied(clip, tmp_path / "b.mkv", {"enc_key_id": "MTIz"}))
