"""What the doors know of the markets, followed live from the public topics.

Read in this order: `tail` (records of topics, in order, as they come), `past` (those of before),
`book`, `candles`, `aggregates`, `windows`, `statistics` and `rules` (what is made of them),
`markets` (all of it, for each market), `market_view` (the same, live).

REST and WebSocket both stand on it, so that they can't disagree. May import `streams.messages`,
`streams.topics` and `infra.settings`.
"""
