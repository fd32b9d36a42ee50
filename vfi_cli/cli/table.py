"""Prints tables: with rich on a terminal, otherwise as plain lines that are never cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TextIO

from vfi_cli.cli import console


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], file: TextIO, *, numbers: int = 0) -> None:
    """Print `rows` to `file`; the first `numbers` columns are aligned to the right."""
    rows = [[console.one_line(cell) for cell in row] for row in rows]
    if not file.isatty():
        widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
        for row in chain([headings], rows):
            cells = [
                cell.rjust(width) if place < numbers else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            print("  ".join(cells).rstrip(), file=file)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE)
    for place, heading in enumerate(headings):
        table.add_column(
            heading, justify="right" if place < numbers else "left", overflow="fold", no_wrap=place < numbers
        )
    for row in rows:
        table.add_row(*map(Text, row))  # Text: file names are not markup
    Console(file=file).print(table)
