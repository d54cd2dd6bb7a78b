"""The exchange in one process, on a seeded scheduler, while everything around it fails.

The code under test is the code that runs: `streams.runtime.partitions` with the real machines of
ledger, matching and market-data. Behind its two ports stand a modelled log and a modelled store,
around it modelled processes, consumer groups and clients; time is simulated. Whatever happens by
chance is drawn from one generator, so a seed is a history that can be had again:

    python -m tests.simulation 4711

Read in this order: `clock` and `process` (time, tasks that die together), `weather` (what goes
wrong by chance), `log` and `store` (the twins of Kafka and CQL), `group` and `worker` (how
partitions come and go), `clients`, `faults` (what goes wrong on purpose), `exchange` (one seed),
`reference` and `checks` (what must be true at its end).
"""
