"""The properties of a video are kept, or a note names the loss."""

import io
import struct
from dataclasses import replace
from fractions import Fraction

import av
import pytest

from tests.media import make_clip, video_times
from vfi_cli.video.container import matroska_header
from vfi_cli.video.image.image_file import read_image
from vfi_cli.video.properties.preserved import lost
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe
from vfi_cli.video.write import pipe
from vfi_cli.video.write.concat import check_muxer
from vfi_cli.video.write.encode import Encoder
from vfi_cli.video.write.encode_plan import plan_encode
from vfi_cli.video.write.open_output import open_writer

TEN = Fraction(10)
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
SPHERICAL = 'xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/"'
TAGS = {"Spherical": "true", "Stitched": "true", "StitchingSoftware": "x", "ProjectionType": "equirectangular"}


def spherical(path, **options):
    """A 360 degree clip that is marked as cameras do it: Spherical Video V1, a box of XML at the end of the track."""
    plain = make_clip(path.with_name("plain.mp4"), 4, **options).read_bytes()
    tags = "".join(f"<GSpherical:{key}>{value}</GSpherical:{key}>" for key, value in TAGS.items())
    xml = f'<?xml version="1.0"?><rdf:SphericalVideo {RDF} {SPHERICAL}>{tags}</rdf:SphericalVideo>'.encode()
    box = struct.pack(">I4s", 24 + len(xml), b"uuid") + bytes.fromhex("ffcc8263f8554a938814587a02521fdd") + xml
    moov = plain.rindex(b"moov") - 4  # the last box, so no other data moves
    track = plain.index(b"trak", moov) - 4
    sizes = [struct.unpack(">I", plain[at : at + 4])[0] for at in (moov, track)]
    grown = [struct.pack(">I", size + len(box)) for size in sizes]
    end = track + sizes[1]
    path.write_bytes(
        plain[:moov] + grown[0] + plain[moov + 4 : track] + grown[1] + plain[track + 4 : end] + box + plain[end:]
    )
    return path


def stereo(path):
    """A stereo clip: its container says that the two views are side by side."""
    element = b"\x53\xb8\x81\x01"
    plain = make_clip(path.with_name("plain.mkv"), 4)
    with av.open(str(plain)) as source, av.open(str(path), "w") as sink:
        copy = sink.add_stream_from_template(source.streams.video[0], opaque=True)
        copy.metadata["title"] = matroska_header.roomy("", element)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                sink.mux(packet)
    matroska_header.insert(path, element)
    return path


def written(clip, target, **options):
    """Read the clip and write it to `target` as the program does. Return the losses that the trial output predicts."""
    info = probe(clip)
    plan = plan_encode(info, target, fps=TEN, **options)
    missing = check_muxer(target, plan, None).lost
    with decode(info) as decoder, Encoder(target, plan) as encoder:
        for frame in decoder:
            encoder.write(frame)
    encoder.verify()
    return missing


@pytest.mark.parametrize(
    "name, codec",
    [("o.mp4", "libx264"), ("o.mov", "libx265"), ("o.mkv", "libx264"), ("o.mkv", "ffv1"), ("o.webm", "libvpx-vp9")],
)
@pytest.mark.parametrize("sar", [None, Fraction(4, 3)])
def test_the_mark_of_360_degree_video_is_kept(tmp_path, name, codec, sar):
    clip = spherical(tmp_path / "a.mp4", width=64, height=64, sar=sar)
    assert written(clip, tmp_path / name, codec=codec) == ()
    old, new = probe(clip), probe(tmp_path / name)
    assert new.properties["SPHERICAL"] == old.properties["SPHERICAL"]
    assert (new.sar, new.tags.get("title")) == (sar or 1, None)
    assert video_times(tmp_path / name) == [Fraction(number, 10) for number in range(4)]


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv", "o.mov"])
def test_the_mark_of_stereo_video_is_kept(tmp_path, name):
    assert written(stereo(tmp_path / "a.mkv"), tmp_path / name) == ()
    assert "STEREO3D" in probe(tmp_path / name).properties


def test_a_note_tells_the_loss_of_a_stereo_mark_in_the_codec(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 4, options={"x264-params": "frame-packing=3"})
    missing = written(clip, tmp_path / "o.mkv")
    assert missing == ("the mark of stereo 3D video is lost: players will not separate the views",)


def test_a_note_tells_the_loss_of_a_360_degree_mark(tmp_path):
    clip = spherical(tmp_path / "a.mp4", rotation=90)
    missing = written(clip, tmp_path / "o.mkv")  # Matroska stores the rotation as a projection too
    assert "the mark of 360 degree video is lost: players will show it flat" in missing
    for name in ("o.gif", "o/%d.png", "-"):
        notes = plan_encode(probe(clip), tmp_path / name if name != "-" else pipe.PIPE, fps=TEN).notes
        assert "the mark of 360 degree video is lost: players will show it flat" in notes


def test_a_plain_clip_loses_nothing(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 4, matrix=1, primaries=1, transfer=1, rotation=90, sar=Fraction(4, 3))
    for name in ("o.mp4", "o.mov", "o.mkv", "o.webm"):
        assert written(clip, tmp_path / name) == ()
    for name in ("o.gif", "o/%d.png", "o/%d.jpg", "o/%d.tif", "o/%d.exr"):
        assert not any("lost" in note for note in plan_encode(probe(clip), tmp_path / name, fps=TEN).notes)


@pytest.mark.parametrize("siting", ["left", "center", "topleft", "top"])
@pytest.mark.parametrize("name, codec", [("o.mp4", "libx264"), ("o.mkv", "libx265"), ("o.webm", "libvpx-vp9")])
def test_the_chroma_sample_location_is_kept(tmp_path, name, codec, siting):
    size = {"width": 64, "height": 64}
    clip = make_clip(tmp_path / "a.mkv", 4, options={"chroma_sample_location": siting}, **size)
    assert written(clip, tmp_path / name, codec=codec) == ()
    assert probe(tmp_path / name).properties["chroma siting"] == siting


def test_a_note_tells_the_loss_of_the_chroma_sample_location(tmp_path):
    def missing(siting):
        clip = make_clip(tmp_path / "a.mkv", 4, options={"chroma_sample_location": siting})
        return written(clip, tmp_path / "o.mp4", codec="libvpx-vp9")

    assert missing("left") == ()
    assert [sentence[:43] for sentence in missing("topleft")] == ["the location of the chroma samples, topleft"]


def test_a_pipe_states_the_aspect_ratio_and_the_chroma_sample_location(tmp_path):
    options = {"chroma_sample_location": "topleft"}
    info = probe(make_clip(tmp_path / "a.mkv", 2, sar=Fraction(64, 45), options=options))
    sink = io.BytesIO()
    with decode(info) as decoder, pipe.PipeWriter(plan_encode(info, pipe.PIPE, fps=TEN), sink) as writer:
        for frame in decoder:
            writer.write(frame)
    assert sink.getvalue().startswith(b"YUV4MPEG2 W64 H48 F10:1 Ip A64:45 C420paldv ")
    with av.open(io.BytesIO(sink.getvalue()), format="yuv4mpegpipe") as file:
        assert file.streams.video[0].sample_aspect_ratio == Fraction(64, 45)


@pytest.mark.parametrize("name", ["%d.png", "%d.jpg", "%d.tif", "%d.exr"])
def test_images_state_their_aspect_ratio(tmp_path, name):
    pix_fmt = "yuv420p" if name.endswith("jpg") else "bgr0"
    info = replace(probe(make_clip(tmp_path / "a.mkv", 1, codec="ffv1", pix_fmt=pix_fmt)), sar=Fraction(64, 45))
    plan = plan_encode(info, tmp_path / name, fps=TEN)
    (tmp_path / "part").mkdir()
    with decode(info) as decoder, open_writer(tmp_path / "part", plan) as writer:
        for frame in decoder:
            writer.write(frame)
    with av.open(str(tmp_path / "part" / (name % 1))) as file:
        assert file.streams.video[0].sample_aspect_ratio == Fraction(64, 45)


def test_png_images_state_hdr_and_a_note_tells_that_others_cannot(tmp_path):
    hdr = {"matrix": 9, "primaries": 9, "transfer": 16, "pix_fmt": "yuv420p10le", "codec": "ffv1"}
    info = probe(make_clip(tmp_path / "a.mkv", 1, **hdr))
    (tmp_path / "part").mkdir()
    with decode(info) as decoder, open_writer(tmp_path / "part", plan_encode(info, tmp_path / "%d.png")) as writer:
        for frame in decoder:
            writer.write(frame)
    found = read_image(tmp_path / "part" / "1.png").frame
    assert (found.color_primaries, found.color_trc) == (9, 16)
    pale = [
        any("pale" in note for note in plan_encode(info, tmp_path / name, fps=TEN).notes)
        for name in ("o.gif", "o.webp", "%d.jpg", "%d.png", "o.mkv")
    ]
    assert pale == [True, True, True, False, False]


def test_every_loss_gets_one_sentence():
    wanted = {"DOVI_METADATA": "", "DOVI_RPU_BUFFER": "", "number 40": "", "aspect": "4/3", "matrix": "1"}
    kept = {"aspect": "400/301", "matrix": "9"}
    assert list(lost(wanted, kept)) == [
        "the metadata of Dolby Vision, which changes from frame to frame, is dropped",
        "a property of the video is lost: number 40",
        "the tag of the colour matrix is lost: players will guess it",
    ]
    assert list(lost(kept, kept)) == []


def test_the_title_of_a_360_degree_video_is_kept(tmp_path):
    clip = spherical(tmp_path / "a.mp4")
    info = replace(probe(clip), tags={"title": "Main"})
    for name in ("o.mp4", "o.mkv"):
        plan = plan_encode(info, tmp_path / name, fps=TEN)
        with decode(info) as decoder, Encoder(tmp_path / name, plan) as encoder:
            for frame in decoder:
                encoder.write(frame)
        encoder.verify()
        made = probe(tmp_path / name)
        assert made.tags.get("title", made.tags.get("name")) == "Main"
        assert "SPHERICAL" in made.properties
