"""Runs the reliability tests and prints the results of each case as a Markdown table.

    python -m tests.reliability.table [PYTEST OPTIONS]

The table shows the exit codes of all runs of a case, and the first measurement or message of its runs.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.reliability.cases import CASES


@dataclass
class Row:
    """The results of a case."""

    results: list[str] = field(default_factory=list)  # of its tests
    codes: set[int | None] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def result(self) -> str:
        if not self.results:
            return "no test"
        counts = {result: self.results.count(result) for result in sorted(set(self.results))}
        return ", ".join(f"{count} {result}" for result, count in counts.items())


class Recorder:
    """A pytest plugin that collects the results of the tests of each case."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = defaultdict(Row)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        for mark in item.iter_markers("reliability"):
            report.user_properties.append(("case", mark.args[0]))
        return report

    def pytest_runtest_logreport(self, report) -> None:
        cases = {value for name, value in report.user_properties if name == "case"}
        finished = report.when == "call" or (report.outcome != "passed" and report.when == "setup")
        for row in (self.rows[case] for case in cases if finished):
            row.results.append("expected to fail" if hasattr(report, "wasxfail") else report.outcome)
            for name, value in report.user_properties:
                if name == "run":
                    row.codes.add(value[0])
                    row.messages += filter(None, [value[1].partition(": ")[2]])
                elif name != "case":
                    row.notes.append(f"{name}: {value}")

    def table(self) -> str:
        lines = ["| # | case | tests | exit codes | message or measurement |", "|---|---|---|---|---|"]
        for number, title in CASES.items():
            row = self.rows[number]
            codes = ", ".join(map(str, sorted(row.codes, key=str)))
            message = (*row.notes, *row.messages, "")[0].replace("|", "\\|")
            lines.append(f"| {number} | {title} | {row.result} | {codes} | {message} |")
        return "\n".join(lines)


def main() -> int:
    recorder = Recorder()
    root = Path(__file__).parents[1]
    code = pytest.main([str(root), "-m", "reliability", *sys.argv[1:]], plugins=[recorder])
    sys.stdout.write(recorder.table() + "\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
