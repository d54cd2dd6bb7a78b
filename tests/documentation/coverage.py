"""The table of docs/api.md: every documented endpoint and parameter, and what becomes of it here.

What is served is read off the endpoints themselves; only why something differs, or is not there,
is written down here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from api.handlers.endpoint import Endpoint, KeyedEndpoint, SignedEndpoint
from api.handlers.endpoints import KEYED, PUBLIC, SIGNED
from api.handlers.weights import WEIGHTS

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
DOCUMENTED: dict[str, list[str]] = json.loads(
    Path(__file__).with_name("binance_spot.json").read_text()
)["endpoints"]

BEGIN = "<!-- coverage: written by python -m tests.documentation.coverage -->"
END = "<!-- end of coverage -->"

REFUSED = "Not supported yet."
"""How a parameter describes itself that is known, and refused with its documented code."""

LISTS = "order lists come later"
SOR = "one book a market: there is nothing to route between"
NO_REFERENCE = "no market has a reference price"
TAKEN = "taken, and not kept"


@dataclass(frozen=True, slots=True)
class Remark:
    """How an endpoint or its parameters differ from what is documented, or why they are not
    there. Parameters without a remark are served as documented."""

    endpoint: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


STATUS = {"symbolStatus": "`CANCEL_ONLY` too"}
_ORDER = {
    "type": "`LIMIT`, `LIMIT_MAKER`, `MARKET`; others are refused, `-1013`",
    "selfTradePreventionMode": "not `TRANSFER`: no accounts trade as one",
    "strategyId": TAKEN,
    "strategyType": TAKEN,
}

NOT_SERVED = {
    "GET /api/v3/executionRules": "no market has a price range",
    "GET /api/v3/historicalBlockTrades": "there are no block trades",
    "GET /api/v3/referencePrice": NO_REFERENCE,
    "GET /api/v3/referencePrice/calculation": NO_REFERENCE,
    "POST /api/v3/order/oco": LISTS,
    "POST /api/v3/orderList/oco": LISTS,
    "POST /api/v3/orderList/oto": LISTS,
    "POST /api/v3/orderList/otoco": LISTS,
    "POST /api/v3/orderList/opo": LISTS,
    "POST /api/v3/orderList/opoco": LISTS,
    "DELETE /api/v3/orderList": LISTS,
    "GET /api/v3/orderList": LISTS,
    "GET /api/v3/allOrderList": LISTS,
    "GET /api/v3/openOrderList": LISTS,
    "POST /api/v3/sor/order": SOR,
    "POST /api/v3/sor/order/test": SOR,
    "GET /api/v3/myAllocations": SOR,
    "GET /api/v3/myFilters": "no filter is about accounts yet",
}
"""Why a documented endpoint is not there."""

DIFFERS = {
    "GET /api/v3/exchangeInfo": Remark(
        "`statusReason` besides; filters `PRICE_FILTER`, `LOT_SIZE`, `MARKET_LOT_SIZE`,"
        " `MIN_NOTIONAL`, `NOTIONAL` where a market has a maximum,"
        " `MAX_NUM_ORDER_AMENDS`; `rateLimits` has no `RAW_REQUESTS`",
        {**STATUS, "permissions": "every market has `SPOT` alone"},
    ),
    "GET /api/v3/depth": Remark(
        "`lastUpdateId` is the market's own event sequence, the same on WebSocket and Kafka", STATUS
    ),
    "GET /api/v3/klines": Remark(
        "a candle without a trade is flat at the last close",
        {
            "timeZone": "candles that are none in UTC are made of at most 6000 of UTC's, such as"
            " the hours of 250 days"
        },
    ),
    "GET /api/v3/uiKlines": Remark("the same as `klines`"),
    "GET /api/v3/avgPrice": Remark("weighted by quantity; by the second"),
    "GET /api/v3/ticker/24hr": Remark("rolls by the minute", STATUS),
    "GET /api/v3/ticker/tradingDay": Remark(
        "where nothing traded, flat at the last price before", STATUS
    ),
    "GET /api/v3/ticker/price": Remark("", STATUS),
    "GET /api/v3/ticker/bookTicker": Remark("", STATUS),
    "GET /api/v3/ticker": Remark("where nothing traded, flat at the last price before", STATUS),
    "POST /api/v3/order": Remark("", _ORDER),
    "POST /api/v3/order/test": Remark("", _ORDER),
    "POST /api/v3/order/cancelReplace": Remark("the new order may use the old one's funds", _ORDER),
    "PUT /api/v3/order/amend/keepPriority": Remark(
        "10 times an order at most; only while the market is `TRADING`",
        {"newQty": "more than has been executed"},
    ),
    "GET /api/v3/order": Remark("an order that was refused can be asked for, and is not listed"),
    "GET /api/v3/rateLimit/order": Remark("empty where nothing is limited"),
    "GET /api/v3/account": Remark("commission rates are the highest of any market"),
    "GET /api/v3/account/commission": Remark("no discounts; an account can have fees of its own"),
}

_LISTEN_KEY = "retired on Binance; clients still ask for it"
OURS = {
    "POST /api/v3/userDataStream": _LISTEN_KEY,
    "PUT /api/v3/userDataStream": _LISTEN_KEY,
    "DELETE /api/v3/userDataStream": _LISTEN_KEY,
    "POST /api/v3/batchOrders": "as on Binance's futures, but up to 100 orders",
    "GET /sapi/v1/system/status": "asked for by clients that also know Binance's wallet",
    "GET /sapi/v1/asset/tradeFee": "the same",
    "GET /sapi/v1/capital/config/getall": "the same; assets move by no network here",
    "POST /sapi/v1/capital/withdraw/apply": "held until an administrator decides; needs the key's"
    " permission `withdraw`; `withdrawOrderId` makes it safe to repeat",
    "GET /sapi/v1/capital/withdraw/history": "those pending, and the last 100 decided; addresses"
    " are on the audit log alone",
    "GET /sapi/v1/margin/allPairs": "the same; there is no margin, so the list is empty",
    "GET /sapi/v1/margin/isolated/allPairs": "the same",
}
"""What is served and not part of Spot's documentation, and why."""


def name_of(endpoint: Endpoint | KeyedEndpoint | SignedEndpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


SERVED = {name_of(endpoint): endpoint for endpoint in (*PUBLIC, *KEYED, *SIGNED)}


def refused(name: str) -> set[str]:
    """Parameters that an endpoint knows, only to refuse them with their code."""
    return {each.name for each in SERVED[name].parameters if each.description == REFUSED}


def table() -> str:
    """The whole of it, in Markdown."""
    return "\n".join(
        [
            BEGIN,
            "",
            "| endpoint | weight | served | parameters | differs |",
            "| --- | --- | --- | --- | --- |",
            *_rows(),
            "",
            END,
        ]
    )


def _rows() -> Iterator[str]:
    for name, parameters in DOCUMENTED.items():
        if name in NOT_SERVED:
            yield f"| `{name}` | | no | {_none(parameters)} | {NOT_SERVED[name]} |"
        else:
            yield _served(name, parameters)
    for name, why in OURS.items():
        parameters = [each.name for each in SERVED[name].parameters]
        yield _row(name, _weight(name), "beyond Spot", parameters, why)


def _served(name: str, parameters: list[str]) -> str:
    remark = DIFFERS.get(name, Remark())
    lacking = refused(name)
    said = [remark.endpoint] if remark.endpoint else []
    said += [
        f"`{each}`: {remark.parameters[each]}" for each in parameters if each in remark.parameters
    ]
    if lacking:
        names = ", ".join(f"`{each}`" for each in parameters if each in lacking)
        said.append(f"{names}: **no**, refused with their code until a later release")
    taken = [each for each in parameters if each not in lacking]
    return _row(name, _weight(name), "differs" if said else "yes", taken, "; ".join(said))


def _row(name: str, weight: str, served: str, parameters: list[str], said: str) -> str:
    shown = " ".join(f"`{each}`" for each in parameters)
    return f"| `{name}` | {weight} | {served} | {shown} | {said} |"


def _none(parameters: list[str]) -> str:
    return f"none of {len(parameters)}" if parameters else ""


def _weight(name: str) -> str:
    method, _, path = name.partition(" ")
    return str(WEIGHTS[method, path])


def page() -> str:
    """docs/api.md as it should be."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    return f"{before}{table()}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page())
