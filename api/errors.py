"""What a client is told when a request fails: Binance's codes and texts, in one table.

Source: errors.md of binance/binance-spot-api-docs. A status of 5xx means that nobody knows yet
whether the request took effect; one of 4xx, that it did not.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, assert_never

from streams.messages import DAY_MS, TEN_SECONDS_MS, Reason


class ApiError(Exception):
    """An answer `{"code", "msg"}` with an HTTP status; `retry_after_s` where waiting helps.

    `data` is what else there is to tell: of a request of two halves, what became of each.
    """

    def __init__(
        self,
        code: int,
        msg: str,
        status: int = 400,
        retry_after_s: int | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code} {msg}")
        self.code = code
        self.msg = msg
        self.status = status
        self.retry_after_s = retry_after_s
        self.data = data


class Filter(Enum):
    """A rule of a market that an order breaks, by its name in `exchangeInfo`."""

    PRICE_FILTER = "PRICE_FILTER"
    LOT_SIZE = "LOT_SIZE"
    MARKET_LOT_SIZE = "MARKET_LOT_SIZE"
    MIN_NOTIONAL = "MIN_NOTIONAL"
    NOTIONAL = "NOTIONAL"
    MAX_NUM_ORDER_AMENDS = "MAX_NUM_ORDER_AMENDS"


# -- the request as a whole -----------------------------------------------------------------------


def unexpected() -> ApiError:
    return ApiError(-1000, "An unknown error occurred while processing the request.", 500)


def unknown_status() -> ApiError:
    """The request may have taken effect; the client must ask, by its client order id."""
    return ApiError(
        -1007,
        "Timeout waiting for response from backend server."
        " Send status unknown; execution status unknown.",
        503,
    )


def overloaded() -> ApiError:
    """A bounded queue is full; the request was not taken."""
    return ApiError(
        -1008,
        "Server is currently overloaded with other requests. Please try again in a few minutes.",
        503,
        retry_after_s=1,
    )


def unavailable() -> ApiError:
    """A read needs what cannot be had now: the database, or a view that is catching up."""
    return ApiError(
        -1001, "Internal error; unable to process your request. Please try again.", 503, 1
    )


def unsupported() -> ApiError:
    return ApiError(-1020, "This operation is not supported.")


def no_such_listen_key() -> ApiError:
    return ApiError(-1125, "This listenKey does not exist.")


def position_lost() -> ApiError:
    """Of a private stream: a position from which not all can be told any more, or never could."""
    return ApiError(-1130, "The stream can't go on from that position: read how things stand.")


def subscription_active() -> ApiError:
    return ApiError(-2035, "User Data Stream subscription already active.")


def subscription_inactive() -> ApiError:
    return ApiError(-2036, "User Data Stream subscription not active.")


def too_many_subscriptions(maximum: int) -> ApiError:
    return ApiError(
        -1191, f"Too many subscriptions. Connection may create up to '{maximum}' at a time."
    )


def subscriptions_used_up() -> ApiError:
    return ApiError(-2042, "Maximum subscription ID reached for this connection.")


def ed25519_only() -> ApiError:
    return ApiError(-1020, "Sessions are for Ed25519 keys.")


def no_such_route() -> ApiError:
    return ApiError(-1000, "No such endpoint.", 404)


def wrong_method() -> ApiError:
    return ApiError(-1000, "Request method is not supported by this endpoint.", 405)


def body_too_large() -> ApiError:
    return ApiError(-1101, "Too many parameters; the request body is too large.", 413)


def body_too_slow() -> ApiError:
    return ApiError(-1000, "The request body did not arrive in time.", 408)


def malformed_request() -> ApiError:
    """It is no HTTP."""
    return ApiError(-1000, "Invalid HTTP request received.", 400)


def head_too_large() -> ApiError:
    return ApiError(-1000, "The request's headers are too large.", 431)


def head_too_slow() -> ApiError:
    return ApiError(-1000, "The request's headers did not arrive in time.", 408)


def too_many_connections(limit: int) -> ApiError:
    """From one address."""
    msg = f"Too many concurrent connections; current limit is '{limit}'."
    return ApiError(-1034, msg, 429, retry_after_s=1)


def wrong_content_type() -> ApiError:
    return ApiError(-1130, "Data sent for parameter 'Content-Type' is not valid.", 415)


# -- who is asking --------------------------------------------------------------------------------


def malformed_key() -> ApiError:
    return ApiError(-2014, "API-key format invalid.", 401)


def rejected_key() -> ApiError:
    return ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def bad_signature() -> ApiError:
    return ApiError(-1022, "Signature for this request is not valid.")


def connecting_too_often(retry_after_s: int) -> ApiError:
    return ApiError(
        -1034, f"Too many connections; try again in {retry_after_s} s.", 429, retry_after_s
    )


def too_many_failures(retry_after_s: int) -> ApiError:
    """Attempts to get in are counted, and there were too many."""
    return ApiError(
        -1003, f"Too many failed attempts; try again in {retry_after_s} s.", 429, retry_after_s
    )


def too_much_weight(limit: int, retry_after_s: int) -> ApiError:
    """More was asked for in a minute than is allowed."""
    return ApiError(
        -1003,
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE."
        " Please use WebSocket Streams for live updates to avoid polling the API.",
        429,
        retry_after_s,
    )


def banned(until: int, now: int) -> ApiError:
    """Who went on after that; times in milliseconds."""
    return ApiError(
        -1003,
        f"Way too much request weight used; IP banned until {until}."
        " Please use WebSocket Streams for live updates to avoid bans.",
        418,
        -(-(until - now) // 1000),
    )


def no_session() -> ApiError:
    return ApiError(-1002, "You are not authorized to execute this request: log in.", 401)


def wrong_password() -> ApiError:
    """Not told apart: no such user, and a user with another password."""
    return ApiError(-1002, "Invalid e-mail address or password.", 401)


def sessions_closed() -> ApiError:
    """Sessions and secrets need a key to sign and seal with."""
    return ApiError(-1020, "This operation is not supported: VELOCITY_SECRET_KEYS is not set.")


def registration_closed() -> ApiError:
    return ApiError(-1020, "This operation is not supported: accounts are opened by the venue.")


def unfit_password(rule: str) -> ApiError:
    return ApiError(-1130, f"Data sent for parameter 'password' is not valid: {rule}.")


def email_taken() -> ApiError:
    return ApiError(-1130, "An account with this e-mail address exists.", 409)


def no_such_key() -> ApiError:
    return ApiError(-1130, "No such API key.", 404)


def too_many_keys(maximum: int) -> ApiError:
    return ApiError(-1130, f"An account has at most {maximum} API keys; revoke one.", 409)


def late_timestamp() -> ApiError:
    return ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def early_timestamp() -> ApiError:
    return ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


# -- its parameters -------------------------------------------------------------------------------


def illegal_characters(name: str, legal: str) -> ApiError:
    return ApiError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def undecodable() -> ApiError:
    return ApiError(-1100, "Illegal characters found in a parameter.")


def too_many_parameters(expected: int, received: int) -> ApiError:
    return ApiError(-1101, f"Too many parameters; expected '{expected}' and received '{received}'.")


def duplicate_parameter() -> ApiError:
    return ApiError(-1101, "Duplicate values for a parameter detected.")


def mandatory(name: str) -> ApiError:
    return ApiError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def either_mandatory(one: str, other: str) -> ApiError:
    return ApiError(-1102, f"Param '{one}' or '{other}' must be sent, but both were empty/null!")


def above_maximum(name: str, maximum: int) -> ApiError:
    return ApiError(-1102, f"'{name}' contains unexpected value. Cannot be greater than {maximum}.")


def unread_parameters(read: int, sent: int) -> ApiError:
    return ApiError(
        -1104,
        f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.",
    )


def empty(name: str) -> ApiError:
    match name:
        case "newClientOrderId":
            return ApiError(-1118, "New client order ID was empty.")
        case "origClientOrderId":
            return ApiError(-1119, "Original client order ID was empty.")
        case _:
            return ApiError(-1105, f"Parameter '{name}' was empty.")


def not_required(name: str) -> ApiError:
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def overflow(name: str) -> ApiError:
    return ApiError(-1108, f"Parameter '{name}' overflowed.")


def too_precise(name: str) -> ApiError:
    return ApiError(-1111, f"Parameter '{name}' has too much precision.")


def bad_time_in_force() -> ApiError:
    return ApiError(-1115, "Invalid timeInForce.")


def bad_order_type() -> ApiError:
    return ApiError(-1116, "Invalid orderType.")


def bad_side() -> ApiError:
    return ApiError(-1117, "Invalid side.")


def bad_interval() -> ApiError:
    return ApiError(-1120, "Invalid interval.")


def bad_symbol() -> ApiError:
    return ApiError(-1121, "Invalid symbol.")


def bad_symbol_status() -> ApiError:
    return ApiError(-1122, "Invalid symbolStatus.")


def interval_too_long(hours: int) -> ApiError:
    return ApiError(-1127, f"More than {hours} hours between startTime and endTime.")


def bad_combination() -> ApiError:
    return ApiError(-1128, "Combination of optional parameters invalid.")


def invalid(name: str) -> ApiError:
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


def invalid_json(name: str = "") -> ApiError:
    if not name:
        return ApiError(-1135, "Invalid JSON Request")
    return ApiError(-1135, f"JSON sent for parameter '{name}' is not valid")


def bad_ticker_type() -> ApiError:
    return ApiError(-1139, "Invalid ticker type.")


def bad_cancel_restrictions() -> ApiError:
    return ApiError(-1145, "Invalid cancelRestrictions")


def bad_time_unit() -> ApiError:
    return ApiError(
        -1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
    )


def duplicate_symbols() -> ApiError:
    return ApiError(-1151, "Symbol is present multiple times in the list.")


def status_mismatch() -> ApiError:
    return ApiError(-1220, "The symbol's status does not match the requested symbolStatus.")


# -- orders ---------------------------------------------------------------------------------------


def filter_failure(broken: Filter) -> ApiError:
    return ApiError(-1013, f"Filter failure: {broken.value}")


def unsupported_order(what: str) -> ApiError:
    """A kind of order that no market here takes, such as `"Stop loss"`."""
    return ApiError(-1013, f"{what} orders are not supported for this symbol.")


def mode_not_allowed() -> ApiError:
    return ApiError(-1013, "This symbol does not allow the specified self-trade prevention mode.")


def no_liquidity() -> ApiError:
    return ApiError(-2010, "Order book liquidity is less than symbol minimum quantity.")


def batch_too_large(maximum: int) -> ApiError:
    """As Binance's futures, whose batches these are, have it."""
    return ApiError(
        -4082,
        "Invalid number of batch place orders."
        f" Batch place orders number should not exceed {maximum}.",
    )


def unknown_order() -> ApiError:
    return ApiError(-2011, "Unknown order sent.")


def partly_failed(halves: dict[str, Any]) -> ApiError:
    """Of a cancel and a new order, one had its effect and one had none."""
    return ApiError(-2021, "Order cancel-replace partially failed.", 409, data=halves)


def both_failed(halves: dict[str, Any]) -> ApiError:
    return ApiError(-2022, "Order cancel-replace failed.", data=halves)


def no_such_order() -> ApiError:
    return ApiError(-2013, "Order does not exist.")


# -- administration -------------------------------------------------------------------------------


def admin_closed() -> ApiError:
    return ApiError(-2015, "Invalid admin key.", 401)


def unknown_account() -> ApiError:
    return ApiError(-1130, "No such account.", 404)


def account_exists() -> ApiError:
    return ApiError(-1130, "An account of this name exists.", 409)


def market_exists() -> ApiError:
    return ApiError(-1130, "A market of this symbol exists.", 409)


def bad_market(why: str) -> ApiError:
    return ApiError(-1130, f"Not a possible market: {why}.")


def key_reused() -> ApiError:
    return ApiError(
        -1130, "This Idempotency-Key was sent with another request in the last 24 hours.", 409
    )


def too_many_orders(window_ms: int, at: int) -> ApiError:
    """An account has placed as many as it may in the window that the log's time `at` is in."""
    wait_s = -(-(window_ms - at % window_ms) // 1000)
    return ApiError(-1015, "Too many new orders.", 429, wait_s)


def rejection(reason: Reason, at: int = 0) -> ApiError:
    """What a machine's refusal of a command, at the log's time `at`, looks like to the client."""
    match reason:
        case Reason.ACCOUNT_FROZEN:
            return ApiError(-2010, "This action is disabled on this account.")
        case Reason.ACCOUNT_CLOSED:
            return ApiError(-2010, "This account is closed.")
        case Reason.ACCOUNT_NOT_EMPTY:
            return ApiError(-1130, "The account is not empty.", 409)
        case Reason.UNKNOWN_WITHDRAWAL:
            return ApiError(-1130, "No such withdrawal.", 404)
        case Reason.REFERENCE_REUSED:
            return ApiError(-1130, "This reference is that of another withdrawal.", 409)
        case Reason.WITHDRAWAL_DECIDED:
            return ApiError(-1130, "The withdrawal has been decided the other way.", 409)
        case Reason.TOO_MANY_WITHDRAWALS:
            return ApiError(-1130, "Too many withdrawals of this account are pending.", 409)
        case Reason.TOO_MANY_ORDERS:
            return too_many_orders(TEN_SECONDS_MS, at)
        case Reason.TOO_MANY_ORDERS_TODAY:
            return too_many_orders(DAY_MS, at)
        case Reason.ACCOUNT_EXISTS:
            return account_exists()
        case Reason.UNKNOWN_ACCOUNT:
            return unknown_account()
        case Reason.INSUFFICIENT_BALANCE:
            return ApiError(-2010, "Account has insufficient balance for requested action.")
        case Reason.AMOUNT_OUT_OF_RANGE:
            return invalid("amount")
        case Reason.DUPLICATE_ORDER_ID:
            return ApiError(-2010, "Duplicate order sent.")
        case Reason.UNKNOWN_ORDER:
            return unknown_order()
        case Reason.CANCEL_RESTRICTED:
            return ApiError(-2011, "Order was not canceled due to cancel restrictions.")
        case Reason.UNKNOWN_MARKET:
            return bad_symbol()
        case Reason.KEY_REUSED:
            return key_reused()
        case Reason.MARKET_EXISTS:
            return market_exists()
        case Reason.MARKET_CLOSED:
            return ApiError(-2010, "Market is closed.")
        case Reason.PRICE_FILTER:
            return filter_failure(Filter.PRICE_FILTER)
        case Reason.LOT_SIZE:
            return filter_failure(Filter.LOT_SIZE)
        case Reason.MARKET_LOT_SIZE:
            return filter_failure(Filter.MARKET_LOT_SIZE)
        case Reason.MIN_NOTIONAL:
            return filter_failure(Filter.MIN_NOTIONAL)
        case Reason.MAX_NOTIONAL:
            return filter_failure(Filter.NOTIONAL)
        case Reason.WOULD_TAKE:
            return ApiError(-2010, "Order would immediately match and take.")
        case Reason.INVALID_COMBINATION:
            return ApiError(-2010, "Unsupported order combination")
        case Reason.NO_LIQUIDITY:
            return no_liquidity()
        case Reason.NOTHING_CHANGES:
            return ApiError(-2010, "The requested action would change no state; rejecting")
        case Reason.QUANTITY_INCREASED:
            return ApiError(-2010, "Order amend (quantity increase) is not supported.")
        case Reason.QUANTITY_EXECUTED:
            return ApiError(-2010, "Order amend (quantity executed already) is not supported.")
        case Reason.TOO_MANY_AMENDMENTS:
            return filter_failure(Filter.MAX_NUM_ORDER_AMENDS)
        case (
            Reason.NONE
            | Reason.UNKNOWN_KEY
            | Reason.HOLD_TOO_SMALL
            | Reason.IMMEDIATE_OR_CANCEL
            | Reason.FILL_OR_KILL
            | Reason.SELF_TRADE
            | Reason.LOST
        ):
            return ApiError(-2010, "NEW_ORDER_REJECTED")
        case _:
            assert_never(reason)
