"""Colour: exact round trip, known colours of every matrix and range, one rounding rule."""

import pytest
import torch

from vfi_cli.ops.color import rgb_to_yuv, yuv_to_rgb

MATRICES = ("bt601", "bt709", "bt2020")
SUBSAMPLINGS = ((2, 2), (2, 1), (1, 1))
spaces = pytest.mark.parametrize(
    ("matrix", "full_range"), [(matrix, span) for matrix in MATRICES for span in (False, True)]
)


def noise(height, width, subsampling):
    sx, sy = subsampling
    draw = torch.Generator().manual_seed(height * width)
    chroma = (-(-height // sy), -(-width // sx))
    return [
        torch.randint(0, 256, size, dtype=torch.uint8, generator=draw) for size in ((height, width), chroma, chroma)
    ]


@spaces
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("size", [(48, 64), (17, 33), (1, 1), (3, 2)])
def test_round_trip_of_any_codes_is_the_identity(matrix, full_range, subsampling, size):
    planes = noise(*size, subsampling)
    rgb = yuv_to_rgb(*planes, matrix, full_range)
    back = rgb_to_yuv(rgb, matrix, full_range, subsampling)
    assert all(torch.equal(a, b) for a, b in zip(back, planes, strict=True))


@spaces
def test_round_trip_of_every_code_triple_on_a_lattice_is_the_identity(matrix, full_range):
    codes = torch.tensor([*range(0, 256, 5), 16, 128, 235, 240], dtype=torch.uint8)
    y, u, v = (axis.reshape(len(codes), -1) for axis in torch.meshgrid(codes, codes, codes, indexing="ij"))
    back = rgb_to_yuv(yuv_to_rgb(y, u, v, matrix, full_range), matrix, full_range, (1, 1))
    assert all(torch.equal(a, b) for a, b in zip(back, (y, u, v), strict=True))


# (200, 30, 60) / 255 worked out from the equations of H.273; the luma codes agree with swscale.
@pytest.mark.parametrize(
    ("matrix", "full_range", "codes"),
    [
        ("bt601", False, (88, 116, 201)),
        ("bt601", True, (84, 114, 211)),
        ("bt709", False, (75, 124, 201)),
        ("bt709", True, (68, 124, 212)),
        ("bt2020", False, (82, 120, 202)),
        ("bt2020", True, (76, 119, 212)),
    ],
)
def test_a_known_red_has_the_codes_of_its_matrix(matrix, full_range, codes):
    rgb = (torch.tensor([200.0, 30.0, 60.0]) / 255).view(3, 1, 1)
    got = [int(plane) for plane in rgb_to_yuv(rgb, matrix, full_range, (1, 1))]
    assert got == list(codes)


@spaces
def test_black_and_white_sit_at_the_ends_of_the_range(matrix, full_range):
    black, white = (0, 255) if full_range else (16, 235)
    y = torch.tensor([[black, white]], dtype=torch.uint8)
    grey = torch.full((1, 2), 128, dtype=torch.uint8)
    rgb = yuv_to_rgb(y, grey, grey, matrix, full_range)
    assert torch.allclose(rgb, torch.tensor([0.0, 1.0]).expand(3, 1, 2), atol=1e-6)


def test_rgb_keeps_what_lies_outside_the_nominal_range():
    y = torch.tensor([[0, 255]], dtype=torch.uint8)
    grey = torch.full((1, 2), 128, dtype=torch.uint8)
    rgb = yuv_to_rgb(y, grey, grey, "bt709", False)
    assert rgb.min() < 0 and rgb.max() > 1


def test_codes_are_rounded_to_nearest_and_clamped():
    rgb = torch.tensor([0.5, 2.0, -1.0]).expand(3, 1, 3)
    y, _, _ = rgb_to_yuv(rgb, "bt709", True, (1, 1))
    assert y.tolist() == [[128, 255, 0]]


def test_chroma_of_a_cell_is_the_mean_of_its_pixels_even_when_the_cell_is_cut():
    rgb = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(1))
    _, fine_u, _ = rgb_to_yuv(rgb, "bt709", False, (1, 1))
    _, u, _ = rgb_to_yuv(rgb, "bt709", False, (2, 2))
    assert u.shape == (3, 4)
    assert int(u[2, 3]) == int(fine_u[4, 6])  # the corner cell holds one pixel
    assert abs(float(fine_u[:2, :2].float().mean()) - float(u[0, 0])) <= 1


def test_memory_is_channels_last_and_any_layout_gives_the_same_codes():
    planes = noise(48, 64, (2, 2))
    rgb = yuv_to_rgb(*planes, "bt709", False)
    assert rgb.shape == (3, 48, 64) and rgb.permute(1, 2, 0).is_contiguous()
    for layout in (rgb.contiguous(), rgb.transpose(1, 2).contiguous().transpose(1, 2)):
        back = rgb_to_yuv(layout, "bt709", False, (2, 2))
        assert all(torch.equal(a, b) and a.is_contiguous() for a, b in zip(back, planes, strict=True))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@spaces
def test_round_trip_is_the_identity_on_cuda(matrix, full_range):
    planes = [plane.cuda() for plane in noise(48, 64, (2, 2))]
    back = rgb_to_yuv(yuv_to_rgb(*planes, matrix, full_range), matrix, full_range, (2, 2))
    assert all(torch.equal(a, b) for a, b in zip(back, planes, strict=True))
