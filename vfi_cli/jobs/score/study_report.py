"""Writes the folder of a study: results as CSV and JSON, the curve and the route maps as images."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vfi_cli.errors import OutputError
from vfi_cli.jobs.score.study import RULES, Point, RouteMap, StudyJob, StudyReport
from vfi_cli.measure.chart import Image, Series, draw_chart, write_text

CHART = (900, 500)
MAP_WIDTH = 640
"""Largest width of a map, in pixels."""
CAPTION = 24


class StudyFolder:
    """The folder of a study. It replaces files of an earlier study. Methods raise OutputError if they cannot write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._maps = 0
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"the folder cannot be created: {error.strerror}", path=path) from error

    def add_maps(self, clip: str, maps: Sequence[RouteMap]) -> None:
        """Write routes-01-NAME.png: a frame under its route maps, one row per budget, then one row without a budget."""
        self._maps += 1
        images = [_captioned(route_map) for route_map in maps]
        rows = [np.hstack(images[at : at + len(RULES)]) for at in range(0, len(images), len(RULES))]
        self._write_image(f"routes-{self._maps:02d}-{clip.replace('/', '-')}.png", np.vstack(rows))

    def write(self, job: StudyJob, report: StudyReport) -> None:
        """Write study.json, study.csv and, if any clip was studied, curve.png."""
        self._write("study.json", json.dumps(as_dict(job, report), indent=2).encode())
        self._write("study.csv", _csv_of(report).encode())
        if report.mean:
            self._write_image("curve.png", _curve_of(report))

    def _write_image(self, name: str, image: Image) -> None:
        self._write(name, cv2.imencode(".png", image)[1].tobytes())

    def _write(self, name: str, data: bytes) -> None:
        try:
            (self.path / name).write_bytes(data)
        except OSError as error:
            raise OutputError(error.strerror or str(error), path=self.path / name) from error


def as_dict(job: StudyJob, report: StudyReport) -> dict[str, Any]:
    """The whole study as values that JSON can hold."""
    return {
        "model": job.model,
        "seed": job.seed,
        "clips": [asdict(clip) for clip in report.clips],
        "mean": [asdict(point) for point in report.mean],
        "failed": [asdict(bad) for bad in report.bad],
    }


def _csv_of(report: StudyReport) -> str:
    """The study as CSV: a row per clip and point, then the rows of the mean."""
    groups = [(clip.clip, clip.frames, clip.points) for clip in report.clips]
    groups.append(("mean", sum(clip.frames for clip in report.clips), report.mean))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("clip", "frames", "rule", "keep_ratio", "psnr", "flops", "block_shares"))
    for clip, frames, points in groups:
        writer.writerows((clip, frames, *_cells(point)) for point in points)
    return text.getvalue()


def _cells(point: Point) -> tuple[object, ...]:
    ratios, shares = ("|".join(map(str, values or ())) for values in (point.ratios, point.shares))
    return point.rule, ratios, point.psnr, point.flops, shares


def _curve_of(report: StudyReport) -> Image:
    """A chart of PSNR over GFLOPs: a line per rule, from the first block alone to the static network."""
    *_, first, router_alone, static = report.mean
    lines = [[first, *(point for point in report.mean if point.rule == rule), static] for rule in RULES]
    series = [Series(line[1].rule, [_chart_point(point) for point in line]) for line in lines]
    series.append(Series(router_alone.rule, [_chart_point(router_alone)]))
    title = f"PSNR (dB), mean of {len(report.clips)} clips"
    return draw_chart(title, series, unit="GFLOPs", size=CHART)


def _chart_point(point: Point) -> tuple[float, float]:
    return point.flops / 1e9, point.psnr


def _captioned(route_map: RouteMap) -> Image:
    """The map, at most `MAP_WIDTH` wide, with its name above."""
    height, width = route_map.frame.shape[:2]
    scale = min(1.0, MAP_WIDTH / width)
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    image = cv2.resize(cv2.cvtColor(route_map.frame, cv2.COLOR_RGB2BGR), size, interpolation=cv2.INTER_AREA)
    captioned = cv2.copyMakeBorder(image, CAPTION, 0, 0, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    write_text(np.asarray(captioned, np.uint8), route_map.name, (4, CAPTION - 7))
    return np.asarray(captioned, np.uint8)
