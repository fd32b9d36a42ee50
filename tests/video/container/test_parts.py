"""The parts of a joined file are found."""

import pytest

from tests.media import make_clip, truncated
from vfi_cli.video.container.parts import Part, find_parts
from vfi_cli.video.container.structure import HEAD, MATROSKA, MOVIE, walk
from vfi_cli.video.read.probe import probe


def box(kind, data=b""):
    return (8 + len(data)).to_bytes(4) + kind + data


def chunk(kind, data):
    return kind + len(data).to_bytes(4, "little") + data


def page(flags):
    return b"OggS\0" + bytes([flags]) + bytes(20) + b"\1\4data"


def starts(folder, container, *blocks):
    """Join the `blocks` to a file, and return the numbers of the blocks with which its parts begin."""
    path = folder / "joined"
    path.write_bytes(b"".join(blocks))
    positions = [sum(map(len, blocks[:number])) for number in range(len(blocks))]
    parts = find_parts(path, container)
    assert parts[-1].end == path.stat().st_size
    return [positions.index(part.start) for part in parts]


NAMES = ["a.mkv", "a.mp4", "a.avi", "a.ogv", "a.flv", "a.wmv", "a.mxf", "a.nut"]


def clip_of(folder, name):
    codec = {"a.ogv": "libvpx", "a.wmv": "wmv2", "a.mxf": "mpeg2video", "a.flv": "flv1"}.get(name, "mpeg4")
    audio = {"a.ogv": "libopus", "a.mxf": "pcm_s16le", "a.flv": "aac"}.get(name, "ac3")
    format = "ogg" if name == "a.ogv" else None
    return make_clip(folder / name, 5, rate=25, codec=codec, audio=audio, format=format)


@pytest.mark.parametrize("name", [*NAMES, "a.ts"])
def test_a_file_that_was_not_joined_has_one_part(tmp_path, name):
    clip = clip_of(tmp_path, name)
    assert find_parts(clip, probe(clip).container) == (Part(0, clip.stat().st_size),)


@pytest.mark.parametrize("name", NAMES)
def test_parts_after_a_truncated_part_are_found(tmp_path, name):
    whole = clip_of(tmp_path, name)
    container = probe(whole).container
    for share in (0.5, 0.7, 0.9):
        cut = truncated(whole, share, tmp_path / "cut").read_bytes()
        assert starts(tmp_path, container, cut, whole.read_bytes(), whole.read_bytes()) == [0, 1, 2]


def test_an_mp4_part_begins_with_ftyp_before_moov(tmp_path):
    movie = [box(b"ftyp", b"isom"), box(b"moov", b"x"), box(b"mdat", b"picture")]
    assert starts(tmp_path, MOVIE, *movie, *movie, *movie) == [0, 3, 6]
    assert starts(tmp_path, MOVIE, *movie, box(b"ftyp", b"isom"), box(b"moof"), box(b"mdat", b"x")) == [0]


def test_avix_chunks_of_a_large_avi_file_begin_no_part(tmp_path):
    first, further = chunk(b"RIFF", b"AVI picture"), chunk(b"RIFF", b"AVIXpicture")
    assert starts(tmp_path, "avi", first + b"\0", further + b"\0", first + b"\0", further + b"\0") == [0, 2]


def test_consecutive_first_pages_of_ogg_begin_one_part(tmp_path):
    assert starts(tmp_path, "ogg", page(2), page(2), page(0), page(4), page(2), page(2), page(0)) == [0, 4]


def element(kind, data):
    return kind + (1 << 56 | len(data)).to_bytes(8) + data


EBML = b"\x1a\x45\xdf\xa3"
HEADER = element(EBML, b"\x42\x82\x84webm")
SEGMENT, ATTACHMENTS, CLUSTER = b"\x18\x53\x80\x67", b"\x19\x41\xa4\x69", b"\x1f\x43\xb6\x75"


def test_a_header_inside_an_element_begins_no_part(tmp_path):
    segment = element(SEGMENT, HEADER)
    assert starts(tmp_path, MATROSKA, HEADER, segment, HEADER, segment) == [0, 2]


def test_a_header_inside_an_element_of_a_truncated_part_begins_no_part(tmp_path):
    attached = element(ATTACHMENTS, HEADER)
    segment = element(SEGMENT, attached + 8 * element(CLUSTER, b"picture"))
    assert starts(tmp_path, MATROSKA, HEADER, segment[:-1]) == [0]
    assert starts(tmp_path, MATROSKA, HEADER, segment[:-1], HEADER, segment) == [0, 2]


def test_the_id_of_a_header_in_the_data_begins_no_part(tmp_path):
    segment = element(SEGMENT, 8 * element(CLUSTER, EBML + b"\x84picture"))
    assert starts(tmp_path, MATROSKA, HEADER, segment[:-1]) == [0]


def test_zeros_after_a_file_are_skipped_in_large_steps(tmp_path):
    path = tmp_path / "padded"
    path.write_bytes(HEADER + bytes(100 * HEAD))
    with path.open("rb") as file:
        assert len(list(walk(file, MATROSKA))) == 101


def test_a_changed_file_is_searched_again(tmp_path):
    movie = box(b"ftyp", b"isom") + box(b"moov", b"x")
    assert starts(tmp_path, MOVIE, movie) == [0]
    assert starts(tmp_path, MOVIE, movie, movie) == [0, 1]
