"""The read side: what the log said, laid out in the database the way it is asked for.

Read in this order: `tables` (what a row is, and which of two writes stands), `series` (how an
endless history is cut into partitions), the read models `orders`, `trades`, `balances`, `klines`,
`tickers`, `markets`, `audit` and `archive` (pure: from a record to rows), `writer`, `packing`,
`binding` and `session` (rows into the database), `feeds`, `consumer` and `service` (the log into
rows), `queries` (rows to those who ask), `identity` (users, sessions and keys, which no log has).
The tables themselves are in `schema/`.

A row is its key and the event that it shows, as the log had it: amounts are never converted, a new
field of a message needs no new column, and the doors merge rows with the log by the event's name.

Imports `streams.messages`, `streams.topics`, `infra`'s settings and health; never a machine.
"""
