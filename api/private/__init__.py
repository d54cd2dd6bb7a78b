"""What accounts are told of themselves as it happens: Binance's user data stream.

Read in this order: `events` (what is told, pure), `feed` (to whom, and where one may go on),
`listen_keys` (who may listen at the door that knows no keys), `updates_tail` (the log, followed by
that door; the other follows it anyway). Both WebSocket doors stand on it.

May import `api.feeds`, `api.accounts.archive`, `api.identity`'s keys, the messages, the topics and
the settings.
"""
