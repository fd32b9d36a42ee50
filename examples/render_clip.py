"""Renders clip.mp4, the clip of the other examples: `python examples/render_clip.py [clip.mp4]`.

Six seconds, 640x360 at 24 fps, with content that is hard to interpolate: a camera moves over detailed ground at several
depths, objects cover each other, and there is a scene cut at 3.5 s. A tune shows whether audio and video stay in sync.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, RATE, SECONDS = 640, 360, 24, 6
CUT = 3.5  # seconds
BOB = 6  # pixels that the flying camera moves up and down
SAMPLES = 48_000  # per second

Image = NDArray[np.float32]
"""(H, W, 3) RGB or (H, W, 4) RGBA, in [0, 1]."""


def noise(height: int, width: int, finest: int, seed: int) -> Image:
    """Smooth noise (height, width) in [0, 1], a sum of octaves down to `finest` pixels; it wraps around in x."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    cell, weight = finest, 1.0
    while cell < height:
        grid = rng.random((height // cell + 3, max(2, width // cell))).astype(np.float32)
        grid = np.hstack([grid, grid[:, :2]])
        x = np.arange(width, dtype=np.float32) * (grid.shape[1] - 2) / width
        y = np.arange(height, dtype=np.float32) / cell
        total += weight * cv2.remap(grid, *np.meshgrid(x, y), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        cell, weight = cell * 2, weight * 1.35
    return (total - total.min()) / np.ptp(total)


def tinted(shade: Image, dark: tuple[int, int, int], light: tuple[int, int, int]) -> Image:
    """Map a shade (H, W) in [0, 1] to colours between `dark` and `light`."""
    low, high = (np.array(color, np.float32) / 255 for color in (dark, light))
    return low + shade[..., None] * (high - low)


def shown(layer: Image, x: float, y: float = 0.0, angle: float = 0.0, zoom: float = 1.0) -> Image:
    """The part of a layer that the camera sees from pixel (x, y) of the layer; the layer repeats in x."""
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), angle, 1 / zoom)
    turn[:, 2] += (x, y)
    return cv2.warpAffine(
        layer, turn, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_WRAP
    )


def over(background: Image, layer: Image) -> Image:
    """Blend an RGBA layer over an image."""
    alpha = np.clip(layer[..., 3:], 0, 1)
    return background * (1 - alpha) + layer[..., :3] * alpha


def disc(center: tuple[float, float], radii: tuple[float, float]) -> Image:
    """An ellipse (HEIGHT, WIDTH, 1) in [0, 1] with a soft edge, at subpixel precision."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    distance = np.hypot((x - center[0]) / radii[0], (y - center[1]) / radii[1])
    return np.clip((1 - distance) * min(radii) + 0.5, 0, 1)[..., None]


def ridge(height: int, width: int, level: float, rise: float, colors: Image, seed: int) -> Image:
    """An RGBA layer: ground below a hilly skyline."""
    skyline = level - rise * noise(height, width, 64, seed).mean(axis=0)
    skyline = (skyline - skyline.mean()) * 4 + skyline.mean()
    depth = np.arange(height, dtype=np.float32)[:, None] - skyline * height
    return np.dstack([colors, np.clip(depth + 0.5, 0, 1)])


class Hills:
    """The first shot: a flight past hills and trees; a balloon passes behind the trees."""

    def __init__(self) -> None:
        size = (HEIGHT + 2 * BOB, 2 * WIDTH)
        height = np.linspace(0, 1, size[0], dtype=np.float32)[:, None]
        sky = tinted(np.broadcast_to(height, size), (84, 142, 214), (255, 226, 190))
        clouds = np.clip(noise(*size, 16, 1) * 2.4 - 1.2, 0, 0.85)[..., None] * (1 - height[..., None])
        self.sky = (sky * (1 - clouds) + clouds).astype(np.float32)
        self.far = ridge(*size, 0.62, 0.2, tinted(noise(*size, 4, 2), (96, 116, 160), (150, 164, 196)), 3)
        self.near = ridge(*size, 0.84, 0.2, tinted(noise(*size, 3, 4), (38, 84, 40), (142, 176, 74)), 5)
        self.trees = self._trees(size)

    @staticmethod
    def _trees(size: tuple[int, int]) -> Image:
        rng = np.random.default_rng(6)
        layer = np.zeros((*size, 4), np.float32)
        layer[..., :3] = tinted(noise(*size, 2, 7), (40, 26, 22), (108, 76, 56))
        leaves = tinted(noise(*size, 3, 8), (10, 52, 24), (122, 172, 60))
        for x in (70, 300, 590, 800, 1100):
            trunk = np.zeros(size, np.float32)
            cv2.rectangle(trunk, (x - 9, 150), (x + 9, size[0]), 1.0, -1)
            layer[..., 3] = np.maximum(layer[..., 3], cv2.GaussianBlur(trunk, (0, 0), 0.8))
            crown = np.zeros(size, np.float32)
            for angle in rng.uniform(0, 2 * np.pi, 90):
                distance = 58 * rng.random() ** 0.4
                spot = (int(x + 1.1 * distance * np.cos(angle)), int(112 + distance * np.sin(angle)))
                cv2.circle(crown, spot, int(rng.integers(5, 15)), 1.0, -1, cv2.LINE_AA)
            crown = cv2.GaussianBlur(crown, (0, 0), 0.8)
            layer[..., :3] += crown[..., None] * (leaves - layer[..., :3])
            layer[..., 3] = np.maximum(layer[..., 3], crown)
        return layer

    def at(self, time: float) -> Image:
        x, y = 150 * time, BOB * (1 + np.sin(1.5 * time))
        image = over(shown(self.sky, 0.1 * x), shown(self.far, 0.35 * x))
        image = over(image, self._balloon(time))
        image = over(image, shown(self.near, x, y))
        return over(image, shown(self.trees, 1.9 * x, y))

    @staticmethod
    def _balloon(time: float) -> Image:
        x, y = 130 + 105 * time, 135 + 22 * np.sin(1.3 * time)
        envelope = disc((x, y), (46, 54))
        stripes = np.sin((np.arange(WIDTH, dtype=np.float32)[None, :, None] - x) / 5.5) > 0
        basket = np.zeros((HEIGHT, WIDTH), np.float32)
        corners = np.array([[x - 10, y + 70], [x + 10, y + 70], [x + 8, y + 86], [x - 8, y + 86]])
        cv2.fillConvexPoly(basket, (corners * 256).round().astype(np.int32), 1.0, cv2.LINE_AA, 8)
        for side in (-1, 1):
            ropes = np.array([[x + side * 28, y + 42], [x + side * 9, y + 71]])
            cv2.polylines(basket, [(ropes * 256).round().astype(np.int32)], False, 1.0, 1, cv2.LINE_AA, 8)
        red, cream, brown = (np.array(c, np.float32) / 255 for c in ((206, 52, 44), (250, 232, 200), (92, 58, 34)))
        shade = 1 - 0.35 * (1 - disc((x - 14, y - 16), (70, 76)))
        color = np.where(envelope > 0.01, np.where(stripes, red, cream) * shade, brown)
        return np.dstack([color, np.maximum(envelope[..., 0], basket)]).astype(np.float32)


class Marbles:
    """The second shot: marbles roll over a mosaic and cover each other, under a camera that rotates and zooms in."""

    def __init__(self) -> None:
        side = 1024
        grain = noise(side, side, 2, 11)
        tile = np.indices((side, side)) // 32
        hue = np.random.default_rng(12).random((32, 32)).astype(np.float32)[tile[0], tile[1]]
        floor = tinted(0.7 * hue + 0.3 * grain, (22, 60, 84), (236, 214, 168))
        edge = np.maximum(*(np.abs(axis % 32 - 15.5) for axis in np.indices((side, side))))
        self.floor = (floor * np.clip((16.4 - edge) / 2, 0.35, 1)[..., None]).astype(np.float32)
        self.skin = noise(256, 256, 6, 13)

    def at(self, time: float) -> Image:
        image = shown(self.floor, 160 + 70 * time, 200 - 30 * time, 7 * time, 1.1 + 0.1 * time)
        paths = (
            (90 + 170 * time, 210 + 60 * np.sin(1.9 * time), 46, (150, 20, 40), (255, 150, 130)),
            (560 - 150 * time, 165 + 40 * np.cos(2.2 * time), 58, (10, 70, 150), (150, 220, 255)),
            (330 + 60 * np.sin(2.4 * time), 300 - 70 * time, 36, (20, 110, 60), (200, 250, 160)),
        )
        for x, y, radius, dark, light in paths:
            shadow = disc((x + 14, y + 18), (1.05 * radius, radius))
            image = image * (1 - 0.5 * cv2.GaussianBlur(shadow, (0, 0), 6)[..., None])
            image = over(image, self._marble(x, y, radius, time, tinted(self.skin, dark, light)))
        return image

    @staticmethod
    def _marble(x: float, y: float, radius: float, time: float, skin: Image) -> Image:
        rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
        u, v = (columns - x) / radius, (rows - y) / radius
        lift = np.sqrt(np.clip(1 - u * u - v * v, 0.02, 1))  # height of the sphere above its rim
        around = (np.arctan2(u, lift) / np.pi + 0.5 + 0.25 * time) * 255 % 255
        across = (np.arcsin(np.clip(v, -1, 1)) / np.pi + 0.5) * 255
        color = cv2.remap(skin, around.astype(np.float32), across.astype(np.float32), cv2.INTER_LINEAR)
        light = np.clip(0.35 + 0.75 * (lift - 0.45 * u - 0.55 * v) / 1.3, 0, 1)[..., None]
        gleam = np.clip(1 - np.hypot(u + 0.38, v + 0.42) / 0.3, 0, 1)[..., None] ** 2
        return np.dstack([color * light + 0.8 * gleam, disc((x, y), (radius, radius))]).astype(np.float32)


def melody() -> NDArray[np.float32]:
    """Audio samples (N,): a tune that rises and falls, one soft sine per note, over a quiet bass."""
    steps = [0, 4, 7, 12, 11, 7, 4, 7, 9, 5, 9, 12, 14, 11, 7, 11, 12, 7, 4, 0, 2, 4, 7, 0]  # semitones above C4
    time = np.arange(SAMPLES * SECONDS) / SAMPLES
    length = SECONDS / len(steps)
    index = np.minimum((time / length).astype(int), len(steps) - 1)
    since = time - index * length
    pitch = 261.63 * 2 ** (np.array(steps)[index] / 12)
    bass = 130.81 * 2 ** (np.array([0, 0, -7, -5, 0, 0])[np.minimum(time.astype(int), SECONDS - 1)] / 12)
    envelope = np.minimum(since / 0.01, 1) * np.exp(-5 * since) * np.minimum((length - since) / 0.01, 1)
    tone = np.sin(2 * np.pi * pitch * since) + 0.25 * np.sin(4 * np.pi * pitch * since)
    swell = np.minimum(time % 1 / 0.05, 1) * np.minimum((1 - time % 1) / 0.05, 1)
    return (0.3 * envelope * tone + 0.08 * swell * np.sin(2 * np.pi * bass * (time % 1))).astype(np.float32)


def write(path: Path) -> None:
    """Render the clip into `path`."""
    with av.open(str(path), "w", container_options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=RATE, options={"crf": "21", "preset": "slow"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = video.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = 1
        audio = container.add_stream("aac", rate=SAMPLES, options={"b": "96k"}, layout="mono")
        samples = av.AudioFrame.from_ndarray(melody()[None], format="fltp", layout="mono")
        samples.sample_rate, samples.pts, samples.time_base = SAMPLES, 0, Fraction(1, SAMPLES)
        packets = [*audio.encode(samples), *audio.encode(None)]
        hills, marbles = Hills(), Marbles()
        for number in range(RATE * SECONDS):
            time = number / RATE
            image = hills.at(time) if time < CUT else marbles.at(time - CUT)
            codes = np.ascontiguousarray(np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8))
            frame = av.VideoFrame.from_ndarray(codes, "rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            packets += video.encode(frame)
        packets += video.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("clip.mp4"))
