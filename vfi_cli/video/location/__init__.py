"""Where an output is made, locked for one run, and how it gets its final name."""

__all__ = ["disk", "output_file", "output_folder"]
