"""Disaster recovery: the broker's data is gone, the database is there.

Read in this order: `cut` (how much of the archives fits together; pure), `past` (a machine made
again from checkpoint and archive), `marks` (which numbers may have been seen), `tape` (market
data), `read_models` (the database set right), `ground` (whether a recovery may begin), `report`
(what is told of it), `run` (all of it, in order). For its users there is
`docs/operations/disaster-recovery.md`.
"""
