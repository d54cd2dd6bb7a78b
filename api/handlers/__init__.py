"""What each request means, whatever door it came through: REST or the WebSocket API.

A handler takes who asks and read parameters, and gives what to answer as plain dicts and lists.
Read in this order: `parameters` (what was sent), `entry` (who sent it, and on to the handler),
`order_entry` (from parameters to a command, pure), `shapes` (from events to answers, pure), then
`placing`, `cancelling`, `market`, `account` and `admin`.
"""
