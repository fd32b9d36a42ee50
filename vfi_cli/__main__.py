"""Run the command `vfi` with `python -m vfi_cli`."""

from vfi_cli.cli.app import main

main()
