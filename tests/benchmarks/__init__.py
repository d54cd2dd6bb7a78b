"""What the exchange costs, beside what the ground it stands on costs: `velocity bench NAME`.

Every case is measured in one run with its limit, which does the same without an exchange: an empty
POST, the same bytes through the log, the same rows into the database. Machines differ and are
noisy; the ratio of the two travels. A bench is a module with a function `run` that returns a
`Bench`, and one line in `registry`. Read `report` first, then `registry`, then the bench you want.
"""
