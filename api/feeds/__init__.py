"""What the doors know of the markets, followed live from the public topics.

Read in this order: `tail` (records of topics, in order, as they come), `book`, `candles`,
`aggregates` and `rules` (what is made of them), `market_view` (all of it, for each market).
REST and WebSocket both stand on it, so that they can't disagree. May import `streams.messages`,
`streams.topics` and `infra.settings`.
"""
