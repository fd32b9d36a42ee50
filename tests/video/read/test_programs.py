"""Tests the programmes of an MPEG transport stream."""

from dataclasses import replace

from tests.media import make_clip
from vfi_cli.video.formats import MP4
from vfi_cli.video.read.probe import probe
from vfi_cli.video.read.programs import read_programs, streams_of_other_programs
from vfi_cli.video.streams.stream_plan import plan_streams


def packet(pid, table, body):
    """A section of a table as one packet, with a checksum of zeros, which the reader does not check."""
    section = bytes([table]) + (0xB000 | len(body) + 4).to_bytes(2) + body + bytes(4)
    head = bytes([0x47, 0x40 | pid >> 8, pid & 255, 0x10, 0])
    return (head + section).ljust(188, b"\xff")


def tables():
    """The tables of programmes 1 and 2: video 0x100 and 0x102, audio 0x101 and 0x103; both have the stream 0x110."""
    start = bytes([0, 1, 0xC1, 0, 0])
    data = packet(0, 0, start + b"".join(n.to_bytes(2) + (0xE000 | 0x20 + n).to_bytes(2) for n in (1, 2)))
    for n in (1, 2):
        pids = (0x100 + 2 * (n - 1), 0x101 + 2 * (n - 1), 0x110)
        streams = b"".join(b"\x02" + (0xE000 | pid).to_bytes(2) + b"\xf0\x00" for pid in pids)
        data += packet(0x20 + n, 2, start + b"\xe1\x00\xf0\x00" + streams)
    return data


def test_programmes_are_read_from_the_tables_of_the_file(tmp_path):
    path = tmp_path / "a.ts"
    for before in (b"", b"rest of a packet"):
        path.write_bytes(before + tables() * 2)
        assert read_programs(path) == {1: {0x100, 0x101, 0x110}, 2: {0x102, 0x103, 0x110}}
    streams = {0: 0x100, 1: 0x101, 2: 0x102, 3: 0x103, 4: 0x110, 5: 0x1FF}
    assert streams_of_other_programs(path, streams, 0) == {2, 3}
    assert streams_of_other_programs(path, streams, 2) == {0, 1}
    assert streams_of_other_programs(path, streams, 5) == frozenset()


def test_audio_of_another_programme_is_left_out_with_a_note(tmp_path):
    info = probe(make_clip(tmp_path / "a.ts", 10, audio="aac", audio_tracks=2))
    assert not any(other.other_program for other in info.others)
    first, second = info.others
    plan = plan_streams(replace(info, others=(first, replace(second, other_program=True))), MP4, wanted=["audio"])
    assert [kept.info for kept in plan.kept] == [first]
    assert "another programme" in str(plan.left_out[0])
