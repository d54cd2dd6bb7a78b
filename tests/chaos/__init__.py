"""Chaos on the real processes: traders trade while whatever they trade on is killed and paused.

    python -m tests.chaos --rounds 20 [--seed N]

`traders` keep books of what they were told, `faults` do the harm, `venue` is the installation they
do it to, `rounds` puts it together and, after each round, holds the books against the exchange and
the exchange against its log (`velocity verify`).
"""
