"""`python -m bridges` is the `bridges` command."""

from bridges.cli import main

main(prog_name="bridges")
