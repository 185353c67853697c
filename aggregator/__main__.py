"""`python -m aggregator` is the command `aggregator`."""

from aggregator.cli import main

main(prog_name="aggregator")
