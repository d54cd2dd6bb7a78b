"""The demonstration: simulated traders on a running exchange, watched at all three doors.

`client` signs requests, `traders` decide what to send, `doors` listen at WebSocket and Kafka,
`verdict` holds what the doors gave against each other, `display` shows it, `run` puts it together.
"""
