"""Keys to listen with, at the door of streams."""

from __future__ import annotations

from api.errors import no_such_listen_key
from api.handlers.exchange import Exchange
from api.handlers.parameters import Kind, Parameter, Parameters
from api.handlers.shapes import Json
from api.identity.keys import ApiKey
from api.private.listen_keys import is_listen_key

LISTEN_KEY = (Parameter("listenKey", Kind.WORD, True, "As it was given out."),)


async def begin(exchange: Exchange, key: ApiKey, parameters: Parameters) -> Json:
    """A listen key, good for an hour: the one there is, or a new one."""
    return {"listenKey": await exchange.identity.listen_keys.give_out(key)}


async def keep(exchange: Exchange, key: ApiKey, parameters: Parameters) -> Json:
    """Another hour for it."""
    await exchange.identity.listen_keys.extend(key, _given(parameters))
    return {}


async def end(exchange: Exchange, key: ApiKey, parameters: Parameters) -> Json:
    """It is good for nothing any more."""
    await exchange.identity.listen_keys.end(key, _given(parameters))
    return {}


def _given(parameters: Parameters) -> str:
    listen_key = parameters.required("listenKey")
    if not is_listen_key(listen_key):
        raise no_such_listen_key()
    return listen_key
