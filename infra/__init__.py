"""The ground the exchange stands on: settings, the local stack, the services, the command line.

Read `settings`, then `local` (a broker and a database without Docker), `services` (what runs),
`bring_up` (how it is started and stopped) and `cli`. Of the rest of the project only the entry
points in `services`, and what creates topics and tables, are imported, and those when called.
"""
