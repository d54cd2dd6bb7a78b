"""Proves a running system right: what it says is held against what follows from its log.

A verification takes no part: it reads the log and the database, and asks the workers where they
stand. Read in this order: `checks` (what is found), `workers` (where the live machines stand),
`replay` (what they should be there), `views` (what is compared of that), `tail` (what came after),
`money` (laws that hold within the machines), `chains` and `topics` (what is public), `rows` and
`database` (what is projected), `run` (all of it in order), `display`. `kept` looks after
checkpoints.
"""
