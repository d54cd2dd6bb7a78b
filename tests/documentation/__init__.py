"""What the documents say, held against what is served.

`binance_spot.json` is what Binance documents: endpoints and their parameters, without those that
every signed request has. `python -m tests.documentation.coverage` writes the table in docs/api.md.
"""
