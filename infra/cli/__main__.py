"""`python -m infra.cli`: the command line where it is not installed."""

from infra.cli import main

main()
