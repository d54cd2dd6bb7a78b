"""The doors: how clients place orders and read the market. They decide nothing themselves.

Read in this order: `errors` (what a client is told), `auth` (who is asking), `feeds` (markets as
the log tells them), `accounts` (the way into `commands`, and accounts as `updates` tells them),
`identity` (who may do what), `handlers` (what each request means, whatever door it came through),
`rest`, `ws_api` and `ws` (the doors).

Imports `streams.messages`, `streams.topics`, `projections`' queries and `infra`'s settings; never
a machine.
"""
