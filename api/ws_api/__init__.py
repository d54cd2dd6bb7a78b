"""The WebSocket API at `/ws-api/v3`: requests and answers over one connection, as Binance has it.

Read in this order: `methods` (the table: what can be called), `calls` (one request and its answer,
pure), `session` (one connection), `client` and `subscriptions` (whom it acts for, and what it is
told of them), `door` (who is connected). It is served by the process of the REST door, and each
method goes to the handler of an endpoint there: one code path.

May import `api.handlers`, `api.private`, `api.errors`, and of `api.ws` what a connection is and how
times are written.
"""
