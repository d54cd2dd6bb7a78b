"""The contract of the public topics, written down for other teams from the code that keeps it.

`streams/topics.py` says what topics there are, `streams/messages/events.py` what they carry; what
both mean to a reader is in `meanings`. Of these three are made, in this order: `schemas` (JSON
Schema of each message), `asyncapi` (the AsyncAPI 3 document), `page` (the tables of
docs/topics.md). `compatibility` holds one contract against another.

`python -m infra.contract` writes them, after a change. `python -m infra.contract release` makes
today's the one that later ones must be compatible with. Tests hold the files to be current.
"""
