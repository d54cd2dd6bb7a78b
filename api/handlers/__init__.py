"""What each request means, whatever door it came through: REST today, the WebSocket API later.

A handler takes who asks and read parameters, and gives what to answer as plain dicts and lists.
Read in this order: `parameters` (what was sent), `order_entry` (from parameters to a command,
pure), `shapes` (from events to answers, pure), then `market`, `trading`, `account` and `admin`.
"""
