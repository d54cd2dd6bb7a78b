"""Reads the public topics, and those of accounts, up to a moment, and checks how they follow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from infra.settings import Settings
from infra.verify.chains import (
    Chain,
    DepthChain,
    KlineChain,
    MarketChain,
    TickerChain,
    TradeChain,
    UpdateChain,
)
from infra.verify.checks import Difference, count
from infra.verify.replay import closing
from infra.verify.views import BooksView
from streams.runtime.dead_letters import name_of_dead_letter
from streams.runtime.ports import Kept, Log, Place
from streams.topics import (
    DEAD_LETTERS,
    DEPTH,
    KLINES,
    MARKETS,
    TICKERS,
    TRADES,
    UPDATES,
    Topic,
)

CHAINED = (TRADES, DEPTH, TICKERS, KLINES, MARKETS, UPDATES)


@dataclass(frozen=True, slots=True)
class Span:
    """Which records of a partition are read; `whole` where they begin with its first ever."""

    start: int
    stop: int
    whole: bool


def places(topic: Topic, settings: Settings) -> list[Place]:
    """A topic's partitions."""
    partitions = topic.partitions(settings.account_partitions, settings.market_partitions)
    return [(topic, partition) for partition in range(partitions)]


async def spans(log: Log, settings: Settings, last: int | None) -> dict[Place, Span]:
    """What the log holds now of every topic that is read here; at most the last so many records."""
    topics = (*CHAINED, DEAD_LETTERS)
    bounds = await log.bounds(place for topic in topics for place in places(topic, settings))
    found: dict[Place, Span] = {}
    for place, (first, stop) in bounds.items():
        start = first if last is None else max(first, stop - last)
        found[place] = Span(start, stop, whole=start == 0 and not place[0].compacted)
    return found


async def records(
    log: Log, topic: Topic, within: Mapping[Place, Span]
) -> AsyncIterator[tuple[int, list[Kept]]]:
    """The records of a topic, by partition, in order, as far as they lie within the spans."""
    starts = {
        place: span.start
        for place, span in within.items()
        if place[0] is topic and span.start < span.stop
    }
    if not starts:
        return
    async with closing(log.read(starts)) as batches:
        async for place, batch in batches:
            stop = within[place].stop
            wanted = [record for record in batch if record.offset < stop]
            if wanted:
                yield place[1], wanted


async def follows(
    log: Log, topic: Topic, within: Mapping[Place, Span], books: Mapping[int, BooksView]
) -> str:
    """Check how a topic's records follow each other. Raises `Difference`."""
    chains: dict[int, Chain] = {
        place[1]: _chain(topic, span, books.get(place[1]))
        for place, span in within.items()
        if place[0] is topic
    }
    read = partition = 0
    try:
        async with closing(records(log, topic, within)) as batches:
            async for partition, batch in batches:
                chain = chains[partition]
                for record in batch:
                    chain.take(record)
                read += len(batch)
        for partition, chain in chains.items():  # noqa: B007 - the error names it
            chain.finish()
    except Difference as difference:
        raise Difference(f"{topic.short}/{partition}: {difference}") from difference
    compared = sum(chain.compared for chain in chains.values() if isinstance(chain, DepthChain))
    return count(read, "record") + (f", {count(compared, 'book')} compared" if compared else "")


def _chain(topic: Topic, span: Span, books: BooksView | None) -> Chain:
    chains: dict[Topic, Chain] = {
        TRADES: TradeChain(span.whole),
        DEPTH: DepthChain(span.whole, {} if books is None else books.levels),
        TICKERS: TickerChain(),
        KLINES: KlineChain(),
        MARKETS: MarketChain(),
        UPDATES: UpdateChain(span.whole),
    }
    return chains[topic]


async def dead_letters_once(
    log: Log, within: Mapping[Place, Span], malformed: set[tuple[str, int]]
) -> str:
    """Each malformed record is in `dead-letters` once.

    `malformed` are those met by replays: the source, `orders/3`, and the offset. Raises
    `Difference`.
    """
    seen: set[tuple[str, int]] = set()
    async with closing(records(log, DEAD_LETTERS, within)) as batches:
        async for _, batch in batches:
            for name in filter(None, map(name_of_dead_letter, batch)):
                letter = name.source, name.last - 1
                if letter in seen:
                    raise Difference(f"{_place(letter)}: buried more than once")
                seen.add(letter)
    lost = malformed - seen
    if lost and within[DEAD_LETTERS, 0].whole:
        raise Difference(f"{_place(min(lost))}: malformed, and not in dead-letters")
    return f"{count(len(seen), 'letter')}, {len(malformed):,} met by replay"


def _place(letter: tuple[str, int]) -> str:
    source, offset = letter
    return f"{source}@{offset}"
