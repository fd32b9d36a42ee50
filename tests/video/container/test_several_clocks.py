"""Clocks that run back within a file are found from its fragments or clusters."""

import pytest

from tests.video.container.test_parts import box
from vfi_cli.video.container.several_clocks import runs_back
from vfi_cli.video.container.structure import MATROSKA, MOVIE

EBML = b"\x1a\x45\xdf\xa3\x80"
SEGMENT, CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
CHECKSUM = b"\xbf\x84" + bytes(4)


def run(track, ticks):
    return box(b"traf", box(b"tfhd", bytes(4) + track.to_bytes(4)) + box(b"tfdt", b"\1\0\0\0" + ticks.to_bytes(8)))


def fragment(*times):
    """A fragment; `times` are (track, ticks)."""
    return box(b"moof", box(b"mfhd") + b"".join(run(*time) for time in times)) + box(b"mdat", b"picture")


def cluster(ticks, before=b""):
    data = before + b"\xe7\x82" + ticks.to_bytes(2)
    return CLUSTER + bytes([0x80 | len(data)]) + data


def written(folder, data):
    path = folder / "clip"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("ticks", "expected"), [((0, 10, 20), False), ((0, 10, 5), True), ((7, 7), False)])
def test_times_of_mp4_fragments_that_run_back_are_found(tmp_path, ticks, expected):
    data = box(b"ftyp") + box(b"moov") + b"".join(fragment((1, time)) for time in ticks)
    assert runs_back(written(tmp_path, data), MOVIE) is expected


@pytest.mark.parametrize(("second", "expected"), [((1, 10), False), ((2, 999), True)])
def test_the_times_of_mp4_tracks_are_independent(tmp_path, second, expected):
    data = box(b"ftyp") + box(b"moov") + fragment((1, 0), (2, 1000)) + fragment(second)
    assert runs_back(written(tmp_path, data), MOVIE) is expected


@pytest.mark.parametrize("before", [b"", CHECKSUM])
@pytest.mark.parametrize(("ticks", "expected"), [((0, 300, 600), False), ((0, 300, 299), True)])
def test_times_of_matroska_clusters_that_run_back_are_found(tmp_path, ticks, expected, before):
    data = b"".join(cluster(time, before) for time in ticks)
    segment = SEGMENT + bytes([0x80 | len(data)]) + data
    assert runs_back(written(tmp_path, EBML + segment), MATROSKA) is expected


def test_other_containers_are_not_searched(tmp_path):
    assert runs_back(written(tmp_path, cluster(9) + cluster(1)), "avi") is False
