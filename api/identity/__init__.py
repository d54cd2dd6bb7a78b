"""Who may do what: API keys and their signatures, passwords and sessions, and the audit log.

Read in this order: `gate` (who is calling), `keys` (API keys), `sessions` and `tokens` (logins),
`passwords`, `vault` (what seals secrets and signs tokens), `attempts` (who guesses too often),
`networks` (where from), `remembered` (what is known of the database for some seconds), `audit`,
`identity` (all of it, as one process has it).

What is stored is in the database, and what needs one winner is decided there: any number of api
instances share it. `docs/decisions/` says why.
"""
