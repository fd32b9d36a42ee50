"""Measures the time per stage; the engine names its stages with `record_function("vfi::...")`."""

from __future__ import annotations

from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile

PREFIX = "vfi::"


def stage_seconds(work: Callable[[], object], on_cuda: bool) -> dict[str, float]:
    """Run `work` once under the profiler, and return the seconds of each stage, longest first.

    On CUDA, the time of a stage is the time of the kernels that it launched. A stage inside another counts in both.
    """
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_cuda else [])]
    with profile(activities=activities) as profiler:
        work()
    seconds: dict[str, float] = {}
    for event in profiler.key_averages():
        if event.key.startswith(PREFIX):
            microseconds = event.device_time_total if on_cuda else event.cpu_time_total
            stage = event.key.removeprefix(PREFIX)
            # On CUDA the profiler lists a stage twice: once for the launch, once for the kernels.
            seconds[stage] = max(seconds.get(stage, 0.0), microseconds / 1e6)
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))
