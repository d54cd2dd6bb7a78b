"""The WebSocket door: market streams under Binance's names, with Binance's payloads.

Read in this order: `names` (what can be subscribed to), `payloads` and `frames` (what is sent),
`channels` and its kin (when it is sent), `hub` (who gets it), `past` (what happened before a client
came), `requests` (what clients say), `session` (one connection), `app` (the paths), `service` (the
process). May import `api.feeds`, the database's door (`api.accounts.archive`), the messages, the
topics and the settings.

It holds no state of its own: any number of instances can follow the log side by side, and all of
them send the same numbers.
"""
