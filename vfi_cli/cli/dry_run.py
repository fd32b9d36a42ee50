"""`vfi batch --dry-run`: the plan of a batch, with estimates of time and size."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.filesize import decimal as in_bytes

from vfi_cli.cli import console
from vfi_cli.cli.table import print_table

if TYPE_CHECKING:
    from vfi_cli.jobs.batch.run_folder import Survey


def little_room(surveyed: Survey) -> Iterator[str]:
    """A warning if the disk may be too small for the outputs and, in addition, the segments of the largest one."""
    from vfi_cli.jobs.batch.estimate import estimate, free_bytes

    sizes = [estimate(plan).size for plan in surveyed.plans]
    needed = sum(sizes) + max(sizes, default=0)
    free = free_bytes(surveyed.job.target)
    if needed > free:
        yield f"the outputs may take about {in_bytes(needed)}, but only {in_bytes(free)} are free"


def losses(surveyed: Survey) -> Iterator[str]:
    """A sentence for each property of the frames that an output would not keep. One frame is encoded as a trial."""
    from vfi_cli.video.write.concat import find_lost_properties

    for plan in surveyed.plans:
        for sentence in find_lost_properties(plan.encode):
            yield f"{surveyed.name_of(plan)}: {sentence}"


def show_plan(surveyed: Survey, devices: Sequence[str], *, as_json: bool) -> int:
    """Print the plan to standard output, and return the exit code. It times the network for some seconds.

    The estimate assumes that several workers on one device are not faster than one. The exit code is the worst one of
    the files that are known to fail.
    """
    from vfi_cli.jobs.batch.estimate import estimate, free_bytes, seconds_per_pixel
    from vfi_cli.jobs.batch.run_folder import BatchReport

    plans = surveyed.plans
    pace = seconds_per_pixel(surveyed.job.template, devices[0], plans) if plans else 0.0
    costs = [estimate(plan) for plan in plans]
    seconds = sum(cost.pixels for cost in costs) * pace / len(set(devices))
    size, free = sum(cost.size for cost in costs), free_bytes(surveyed.job.target)
    code = BatchReport(surveyed.outcomes, seconds=0.0).exit_code
    if as_json:
        todo = [
            {
                "source": str(surveyed.name_of(plan)),
                "target": str(plan.target),
                "frames": plan.frames,
                "generated": cost.generated,
                "network_seconds": cost.pixels * pace,
                "bytes": cost.size,
            }
            for plan, cost in zip(plans, costs, strict=True)
        ]
        rest = [outcome.to_dict() for outcome in surveyed.outcomes]
        total = {"network_seconds": seconds, "bytes": size, "free_bytes": free, "exit_code": code}
        console.print_data({"todo": todo, "not_to_do": rest, **total})
        return code
    rows = [
        (str(plan.frames), console.clock(cost.pixels * pace), in_bytes(cost.size), name, str(plan.target))
        for plan, cost in zip(plans, costs, strict=True)
        for name in [str(surveyed.name_of(plan))]
    ]
    rows += [("", "", "", str(one.name), ": ".join(filter(None, (one.state, one.note)))) for one in surveyed.outcomes]
    print_table(("frames", "time", "size", "file", "result"), rows, sys.stdout, numbers=3)
    console.print_line(
        f"{len(plans)} to do. Time: about {console.clock(seconds)} for the network, more for decoding and encoding. "
        f"Size: about {in_bytes(size)}, if a frame takes as much space as in the source; often off by a factor of "
        f"two or three. {in_bytes(free)} are free"
    )
    return code
