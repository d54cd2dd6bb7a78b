"""Accounts, from where a door stands: the way into `commands`, and what `updates` says of them.

Read in this order: `deadlines` (how long is waited), `sender` (commands go in), `outcomes` (what
became of each), `unprojected` (what the database does not have yet), `progress` (how far the
ledgers have come), `view` (all of it, kept in step with the log, merged with the database),
`history` (outcomes of long ago), `answers`.
"""
