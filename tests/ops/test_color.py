"""Colour conversion: exact round trips, known codes of every matrix and range, rounding and clamping."""

import pytest
import torch

from vfi_cli.ops.color import from_codes, gray_to_rgb, rgb_to_gray, rgb_to_yuv, to_codes, yuv_to_rgb

MATRICES = ("bt601", "bt709", "bt2020")
SUBSAMPLINGS = ((2, 2), (2, 1), (1, 1))
spaces = pytest.mark.parametrize(
    ("matrix", "full_range"), [(matrix, span) for matrix in MATRICES for span in (False, True)]
)


depths = pytest.mark.parametrize("depth", [8, 10, 12, 16])


def noise(height, width, subsampling, depth=8):
    sx, sy = subsampling
    draw = torch.Generator().manual_seed(height * width)
    chroma = (-(-height // sy), -(-width // sx))
    kind = torch.uint8 if depth == 8 else torch.uint16
    return [torch.randint(0, 1 << depth, size, generator=draw).to(kind) for size in ((height, width), chroma, chroma)]


@spaces
@depths
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("size", [(48, 64), (17, 33), (1, 1), (3, 2)])
def test_round_trip_of_any_codes_is_the_identity(matrix, full_range, subsampling, size, depth):
    planes = noise(*size, subsampling, depth)
    rgb = yuv_to_rgb(*planes, matrix, full_range, depth)
    back = rgb_to_yuv(rgb, matrix, full_range, subsampling, depth)
    assert all(torch.equal(a, b) for a, b in zip(back, planes, strict=True))


@spaces
@depths
def test_round_trip_of_every_grey_is_the_identity(matrix, full_range, depth):
    kind = torch.uint8 if depth == 8 else torch.uint16
    y = torch.arange(1 << depth).to(kind).view(8, -1)
    rgb = gray_to_rgb(y, full_range, depth)
    assert rgb.permute(1, 2, 0).is_contiguous() and torch.equal(rgb[0], rgb[2])
    assert torch.equal(rgb_to_gray(rgb, matrix, full_range, depth), y)
    neutral = 1 << (depth - 1)
    as_yuv = rgb_to_yuv(rgb, matrix, full_range, (2, 2), depth)
    assert torch.equal(as_yuv[0], y) and set(as_yuv[1].flatten().tolist()) == {neutral}


@depths
def test_round_trip_of_every_code_of_red_green_and_blue_is_the_identity(depth):
    kind = torch.uint8 if depth == 8 else torch.uint16
    red, green, blue = (torch.arange(1 << depth).roll(shift).to(kind).view(8, -1) for shift in (0, 77, 200))
    rgb = from_codes((red, green, blue), depth)
    assert rgb.permute(1, 2, 0).is_contiguous() and (rgb.min(), rgb.max()) == (0, 1)
    assert all(torch.equal(a, b) for a, b in zip(to_codes(rgb, depth), (red, green, blue), strict=True))


def test_limited_range_codes_of_12_bits_are_shifted_8_bit_codes():
    planes = noise(12, 16, (2, 2))
    deep = [(plane.to(torch.int32) << 4).to(torch.uint16) for plane in planes]
    assert torch.allclose(yuv_to_rgb(*planes, "bt709", False), yuv_to_rgb(*deep, "bt709", False, 12), atol=1e-6)


@spaces
def test_round_trip_of_every_code_triple_on_a_lattice_is_the_identity(matrix, full_range):
    codes = torch.tensor([*range(0, 256, 5), 16, 128, 235, 240], dtype=torch.uint8)
    y, u, v = (axis.reshape(len(codes), -1) for axis in torch.meshgrid(codes, codes, codes, indexing="ij"))
    back = rgb_to_yuv(yuv_to_rgb(y, u, v, matrix, full_range), matrix, full_range, (1, 1))
    assert all(torch.equal(a, b) for a, b in zip(back, (y, u, v), strict=True))


# (200, 30, 60) / 255, computed by hand from the equations of H.273; the luma codes agree with swscale.
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


LIMITED = {8: (16, 235), 10: (64, 940), 12: (256, 3760)}


@spaces
def test_black_and_white_sit_at_the_ends_of_the_range(matrix, full_range):
    for depth, (black, white) in {8: (0, 255), 10: (0, 1023)}.items() if full_range else LIMITED.items():
        y = torch.tensor([[black, white]]).to(torch.uint16 if depth > 8 else torch.uint8)
        grey = torch.full_like(y.to(torch.int32), 1 << (depth - 1)).to(y.dtype)
        rgb = yuv_to_rgb(y, grey, grey, matrix, full_range, depth)
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
@depths
def test_round_trip_is_the_identity_on_cuda(matrix, full_range, depth):
    planes = [plane.cuda() for plane in noise(48, 64, (2, 2), depth)]
    back = rgb_to_yuv(yuv_to_rgb(*planes, matrix, full_range, depth), matrix, full_range, (2, 2), depth)
    assert all(torch.equal(a, b) for a, b in zip(back, planes, strict=True))
