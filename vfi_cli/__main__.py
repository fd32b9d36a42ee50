"""`python -m vfi_cli` is `vfi`."""

from vfi_cli.cli.app import main

main()
