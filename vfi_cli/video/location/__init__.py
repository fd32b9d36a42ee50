"""The temporary place of an output: a folder that one run locks. A complete output moves to its final path."""

__all__ = ["output_file", "output_folder", "output_location"]
