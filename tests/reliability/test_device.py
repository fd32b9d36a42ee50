"""Tests devices that are missing, out of memory or lost, and files that are not valid weights."""

from __future__ import annotations

import json
import os
import pickle
import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tests.media import make_clip, video_times
from tests.reliability.media import frame_hashes
from vfi_cli.weights import find

case = pytest.mark.reliability


@case(51)
@pytest.mark.slow
def test_tiles_become_smaller_with_a_warning_if_memory_runs_out(vfi, tmp_path):
    clip = make_clip(tmp_path / "in.mp4", 3, width=640, height=320)
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", faults=["small_memory=160000"], timeout=120)
    assert done.code == 0 and "frames are made in tiles" in done.err, done
    assert len(video_times(tmp_path / "out.mp4")) == 6


@case(52)
@pytest.mark.slow
def test_too_little_memory_for_any_tile_is_an_error_that_leaves_no_files(vfi, tmp_path, unchanged):
    clip = make_clip(tmp_path / "in.mp4", 3, width=640, height=320)
    with unchanged():
        done = vfi("interp", clip, "-o", tmp_path / "out.mp4", faults=["small_memory=0"], timeout=120)
    assert done.code == 6 and "out of memory" in done.err, done


@case(52)
def test_memory_that_runs_out_at_every_pair_is_an_error_that_leaves_no_files(vfi, clip, unchanged):
    with unchanged():
        done = vfi("interp", clip, "-o", clip.with_name("out.mp4"), faults=["out_of_memory=3"])
    assert done.code == 6 and "out of memory" in done.err


@case(53)
@pytest.mark.parametrize("name", ["cuda", "cuda:7", "mps", "xpu", "gpu"])
def test_a_missing_device_is_an_error_before_the_first_frame(vfi, clip, unchanged, name):
    with unchanged():
        done = vfi("interp", clip, "-o", clip.with_name("out.mp4"), "--device", name, faults=["no_cuda"])
    assert done.code == (6 if "cuda" in name else 2) and name in done.err, done


@case(53)
@pytest.mark.slow
def test_without_a_gpu_the_cpu_is_used_and_named(vfi, tmp_path):
    clip = make_clip(tmp_path / "in.mp4", 2)
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", faults=["no_cuda"])
    assert done.code == 0 and "lite on CPU" in done.err


@case(53)
def test_a_lost_device_is_an_error_that_leaves_no_files(vfi, clip, unchanged):
    with unchanged():
        done = vfi("interp", clip, "-o", clip.with_name("out.mp4"), faults=["lost_device=3"])
    assert done.code == 6 and "device" in done.err, done


class FolderMaker:
    """Makes a folder when it is unpickled, so that a test can see this."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """The bytes of a safetensors file. `length`: the stated length of the header; None: the true one."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(begin: int, end: int, shape: list[int]) -> dict[str, object]:
    return {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}


INVALID_WEIGHTS = {
    "huge header": safetensors({}, length=2**60),
    "header beyond the file": safetensors({}, length=10**6),
    "overlapping offsets": safetensors({"a": tensor(0, 8, [4]), "b": tensor(4, 12, [4])}, bytes(12)),
    "offsets beyond the file": safetensors({"a": tensor(0, 2**40, [2**39])}, bytes(8)),
    "overflowing shape": safetensors({"a": tensor(0, 8, [2**62, 2**62])}, bytes(8)),
    "no config": safetensors({"a": tensor(0, 8, [4])}, bytes(8)),
    "config of another kind": safetensors({"__metadata__": {"config": "[" * 10_000}, "a": tensor(0, 8, [4])}, bytes(8)),
    "a giant network": safetensors(
        {"__metadata__": {"config": json.dumps({"depth": 10**9})}, "a": tensor(0, 8, [4])}, bytes(8)
    ),
    "empty": b"",
    "text": b"hello",
}


@case(59)
@pytest.mark.parametrize("data", INVALID_WEIGHTS.values(), ids=INVALID_WEIGHTS)
def test_invalid_weights_are_refused_at_once(vfi, clip, unchanged, data):
    model = clip.with_name("model.safetensors")
    model.write_bytes(data)
    with unchanged():
        done = vfi("interp", clip, "-o", clip.with_name("out.mp4"), "--model", model, faults=[])
    assert done.code == 6, done
    assert done.seconds < 3


@case(59)
@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
@pytest.mark.parametrize("kind", ["torch", "pickle"])
def test_pickle_files_are_never_unpickled(vfi, clip, unchanged, name, kind):
    model, folder_maker = clip.with_name(name), FolderMaker(clip.with_name("sprung"))
    if kind == "torch":
        torch.save({"weights": folder_maker}, model)
    else:
        model.write_bytes(pickle.dumps(folder_maker))
    with unchanged():
        done = vfi("interp", clip, "-o", clip.with_name("out.mp4"), "--model", model, faults=[])
    assert done.code == 6


@case(59)
@pytest.mark.parametrize(
    "what",
    [
        "not finite",
        *(pytest.param(what, marks=pytest.mark.slow) for what in ("wrong shapes", "one missing", "one too many")),
    ],
)
def test_weights_that_do_not_fit_their_network_are_refused(vfi, clip, unchanged, what):
    with safe_open(find("lite"), framework="pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    first = next(iter(tensors))
    if what == "not finite":
        tensors[first].view(-1)[0] = float("nan")
    elif what == "wrong shapes":
        tensors[first] = tensors[first][None]
    elif what == "one missing":
        del tensors[first]
    else:
        tensors["more"] = torch.zeros(1)
    model = clip.with_name("model.safetensors")
    save_file(tensors, model, metadata)
    with unchanged():
        done = vfi("interp", clip, "-o", clip.with_name("out.mp4"), "--model", model, faults=[])
    assert done.code == 6, done


@case(60)
@pytest.mark.parametrize("kind", ["folder", "dangling link", "pipe", "URL", "nothing"])
def test_a_model_path_that_is_not_a_file_is_refused(vfi, clip, unchanged, kind):
    model = clip.with_name("model.safetensors")
    if kind == "folder":
        model.mkdir()
    elif kind == "dangling link":
        model.symlink_to(clip.with_name("none"))
    elif kind == "pipe":
        os.mkfifo(model)
    name = "https://127.0.0.1/model.safetensors" if kind == "URL" else model
    with unchanged():
        done = vfi("interp", clip, "-o", clip.with_name("out.mp4"), "--model", name, faults=[])
    assert done.code == 6 and "no such weights file" in done.err, done


@case(62)
@pytest.mark.slow
def test_the_number_of_threads_changes_neither_times_nor_frames(vfi, tmp_path):
    clip = make_clip(tmp_path / "in.mp4", 4)
    outputs = []
    for threads in (1, 2, 8):
        out = tmp_path / f"out{threads}.mkv"
        done = vfi("interp", clip, "-o", out, "-c:v", "ffv1", faults=[f"cpu_count={threads}"], timeout=120)
        assert done.code == 0, done
        outputs.append(out)
    first, *others = [(video_times(out), frame_hashes(out)) for out in outputs]
    assert all(other == first for other in others)
