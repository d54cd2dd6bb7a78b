"""What the services say to the broker, and hear of it.

For who follows the log, and for who waits for what it appends: requests of our own, on connections
that aiokafka makes. For all others, aiokafka. `wire` is a connection, `brokers` knows which;
`fetch` and `produce` are requests and answers in bytes. `reader` follows partitions without a
group, `group` those that a group gives it. `writer` appends each batch once, `appender` does so for
many. `consumer` has aiokafka's consumers end when they are told to.
"""
