"""A client of this exchange in Python: typed, thin, sync and async.

```python
from api.client import AsyncClient, calls

async with AsyncClient("http://127.0.0.1:8080", api_key, secret) as client:
    order = await client.send(calls.place_order("BTCUSDT", "BUY", "LIMIT", price="100",
                                                quantity="0.5", timeInForce="GTC"))
    await client.send(calls.cancel_order("BTCUSDT", orderId=order.order_id))
```

`calls` has a function for each request, which gives a `Call`; a client sends it and returns its
answer, a struct of `answers`. `Client` does the same without `await`. What fails raises
`ExchangeError`, or `httpx.HTTPError` where no answer came. `LocalBook` keeps a market's book from
its diffs, and `follow_book` does so on the exchange's stream.

Imports nothing of the project: it knows the exchange by its documents, as any client does. Read
`calls` and `answers`, then `client`, `local_book` and `stream`.
"""

from api.client.calls import Call
from api.client.client import AsyncClient, Client, ExchangeError
from api.client.local_book import BookGapError, DepthUpdate, LocalBook
from api.client.stream import follow_book

__all__ = [
    "AsyncClient",
    "BookGapError",
    "Call",
    "Client",
    "DepthUpdate",
    "ExchangeError",
    "LocalBook",
    "follow_book",
]
