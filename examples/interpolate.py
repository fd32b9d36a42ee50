"""Doubles the frame rate of a video: `python examples/interpolate.py in.mp4 out.mp4`."""

import sys

from vfi_cli import interpolate_video, probe

source, target = sys.argv[1:]
print(f"{source} has {float(probe(source).average_rate):.3f} frames per second")
summary = interpolate_video(source, target, fps="2x")
print(f"{target}: {summary.generated} frames generated, {summary.copied} copied, in {summary.seconds:.1f} s")
