"""What must be true when a seed has come to rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from streams.ledger import LedgerPartition
from streams.matching import MatchingPartition
from streams.messages import (
    AccountCommand,
    AccountId,
    Asset,
    Balance,
    BalanceChange,
    BalanceUpdate,
    DecideWithdrawal,
    Deposit,
    DepthKind,
    MarketId,
    OrderId,
    OrderUpdate,
    RequestId,
    Update,
    Withdraw,
    depths,
    format_units,
    trades,
    updates,
)
from streams.runtime.checkpoints import unsealed
from streams.runtime.ports import Place
from streams.runtime.role import Role
from streams.topics import (
    DEAD_LETTERS,
    DEPTH,
    KLINES,
    TICKERS,
    TRADES,
    UPDATES,
    Topic,
)
from tests.simulation.exchange import ROLES, Exchange, Violation
from tests.simulation.reference import Replay, go_on, replay
from tests.simulation.retries import check_retries, is_outcome
from tests.simulation.said import Repeated, Said, expected, once, said_at
from tests.simulation.store import key_of

Replays = dict[tuple[str, int], Replay]


def check(exchange: Exchange) -> None:
    """Raise `Violation` at the first promise that was broken."""
    replays = _replays(exchange)
    _check_machines(exchange, replays)
    _check_checkpoints(exchange, replays)
    taken = _taken(exchange)
    _check_topics(exchange, replays, taken)
    _check_trades(taken)
    _check_depth(exchange, replays, taken)
    told = [
        updates.decode(content)  # type: ignore[arg-type]
        for (topic, _), sources in taken.items()
        if topic is UPDATES
        for messages in sources.values()
        for _, content in messages
    ]
    _check_outcomes(exchange, told)
    check_retries(exchange, told)
    _check_money(exchange, replays, told)
    _check_open_orders(replays, told)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Violation(otherwise)


def _replays(exchange: Exchange) -> Replays:
    found: Replays = {}
    for role in ROLES:
        for partition in range(role.partitions(exchange.settings)):
            kept = exchange.database.rows.get((role.name, partition), {})
            records = exchange.broker.records((role.source, partition))
            found[role.name, partition] = replay(
                role, exchange.settings, partition, records, digests_at=kept
            )
    return found


# -- state ---------------------------------------------------------------------------------------


def _check_machines(exchange: Exchange, replays: Replays) -> None:
    """Each machine is what a plain replay of its log makes."""
    for worker in exchange.workers():
        for partition, held in worker.partitions.held.items():
            plain = replays[worker.role.name, partition].machine
            _require(
                held.machine.digest() == plain.digest(),
                f"{worker.name}: the machine of partition {partition} is not what its log says",
            )


def _check_checkpoints(exchange: Exchange, replays: Replays) -> None:
    """Each checkpoint is the state at its position, and leads to the state at the end."""
    roles = {role.name: role for role in ROLES}
    for (name, partition), rows in exchange.database.rows.items():
        for position, checkpoint in rows.items():
            plain, key = replays[name, partition], key_of(checkpoint)
            _require(
                checkpoint.digest == plain.digests[position],
                f"checkpoint {key} is not the state at its position",
            )
            if key not in exchange.database.damaged:
                _check_restored(exchange, roles[name], plain, key)


def _check_restored(
    exchange: Exchange, role: Role, plain: Replay, key: tuple[str, int, int]
) -> None:
    _, partition, position = key
    restored = Replay(role.new(partition, exchange.settings))
    chunks = exchange.database.chunks[key]
    restored.machine.restore(unsealed([chunks[number] for number in sorted(chunks)]))
    go_on(restored, exchange.broker.records((role.source, partition))[position:])
    _require(
        restored.machine.digest() == plain.machine.digest(),
        f"from checkpoint {key}, another state follows",
    )


# -- topics --------------------------------------------------------------------------------------

Taken = dict[Place, dict[str, list[tuple[int, object]]]]


def _taken(exchange: Exchange) -> Taken:
    """What readers with a watermark take of each topic; nothing is there twice."""
    found: Taken = {}
    for place in exchange.broker.kept:
        found[place] = {
            source: _once(place, source, said)
            for source, said in said_at(exchange.broker, place).items()
        }
    return found


def _once(place: Place, source: str, said: list[Said]) -> list[tuple[int, object]]:
    try:
        return once(said, sampled=place[0] in (TICKERS, KLINES))
    except Repeated as error:
        raise Violation(f"{_where(place)}, {source}: {error}") from error


def _check_topics(exchange: Exchange, replays: Replays, taken: Taken) -> None:
    """Each topic holds what follows from the machines' logs: all of it, in order, and no more."""
    expected_at: dict[Place, dict[str, list[tuple[int, object]]]] = {}
    for found in replays.values():
        for place, sources in expected(found.outputs).items():
            expected_at.setdefault(place, {}).update(sources)
    for role in ROLES:
        for partition in range(role.partitions(exchange.settings)):
            _expect_dead_letters(exchange, role, partition, replays, expected_at)
    for place in {**expected_at, **taken}:
        wanted, got = expected_at.get(place, {}), taken.get(place, {})
        for source in {**wanted, **got}:
            where = f"{_where(place)}, {source}"
            compare = _check_sampled if place[0] in (TICKERS, KLINES) else _check_equal
            compare(where, wanted.get(source, []), got.get(source, []))


def _expect_dead_letters(
    exchange: Exchange,
    role: Role,
    partition: int,
    replays: Replays,
    expected_at: dict[Place, dict[str, list[tuple[int, object]]]],
) -> None:
    """Each record that a machine refused is set aside once, as it was."""
    records = exchange.broker.records((role.source, partition))
    refused = replays[role.name, partition].refused
    if refused:
        letters: list[tuple[int, object]] = [
            (offset + 1, (records[offset].value, reason.encode()[:1024]))
            for offset, reason in refused.items()
        ]
        place = (DEAD_LETTERS, 0)
        expected_at.setdefault(place, {})[f"{role.source.short}/{partition}"] = letters


def _check_equal(
    where: str, wanted: list[tuple[int, object]], got: list[tuple[int, object]]
) -> None:
    if wanted == got:
        return
    for number, (want, have) in enumerate(zip(wanted, got, strict=False), start=1):
        _require(want == have, f"{where}: message {number} should be {want}, is {have}")
    missing = wanted[len(got) :] or got[len(wanted) :]
    what = "lacks" if len(wanted) > len(got) else "has too many:"
    raise Violation(f"{where} {what} {len(missing)} messages, the first {missing[0]}")


def _check_sampled(
    where: str, wanted: list[tuple[int, object]], got: list[tuple[int, object]]
) -> None:
    """Of states only some are said; the last is, and so is the last word on each candle."""
    # A state's last word comes last under its name: the same trade closes it as was its newest.
    states = dict(wanted)
    for seq, content in got:
        _require(states.get(seq) == content, f"{where}: {seq} says what is not so: {content!r}")
    _require(bool(got) and got[-1] == wanted[-1], f"{where}: the last state was never said")


def _where(place: Place) -> str:
    return f"{place[0].short}/{place[1]}"


def _of(taken: Taken, topic: Topic) -> Iterator[tuple[str, list[tuple[int, object]]]]:
    for place, sources in taken.items():
        if place[0] is topic:
            yield from sources.items()


def _check_trades(taken: Taken) -> None:
    """A market's trades are numbered without a gap, from 1."""
    for market, messages in _of(taken, TRADES):
        ids = [trades.decode(content).trade_id for _, content in messages]  # type: ignore[arg-type]
        _require(ids == list(range(1, len(ids) + 1)), f"{market}: trades {ids}")


def _check_depth(exchange: Exchange, replays: Replays, taken: Taken) -> None:
    """Whoever follows the diffs has the machine's book."""
    for name, messages in _of(taken, DEPTH):
        market = MarketId(name.removesuffix("/snapshot"))
        if name != market:
            continue
        # A market is created by its first event, which the snapshot tells of.
        last, bids, asks = 1, dict[str, str](), dict[str, str]()
        for _, content in messages:
            diff = depths.decode(content)  # type: ignore[arg-type]
            _require(diff.kind is DepthKind.DIFF, f"{market}: {diff.kind} among diffs")
            _require(diff.first_seq == last + 1, f"{market}: {diff.first_seq} after {last}")
            last = diff.seq
            for side, levels in ((bids, diff.bids), (asks, diff.asks)):
                side.update(levels)
        book = _machine_of(replays, market).markets[market].book
        config = _machine_of(replays, market).markets[market].config
        for side, machine_side in ((bids, book.bids), (asks, book.asks)):
            wanted = {
                format_units(level.price * config.tick): format_units(level.quantity * config.lot)
                for level in machine_side
            }
            here = {price: lots for price, lots in side.items() if lots != format_units(0)}
            _require(here == wanted, f"{market}: its diffs lead to another book than the machine's")


def _machine_of(replays: Replays, market: MarketId) -> MatchingPartition:
    for found in replays.values():
        machine = found.machine
        if isinstance(machine, MatchingPartition) and market in machine.markets:
            return machine
    raise Violation(f"{market} is on a topic and in no machine")


# -- what clients were told ----------------------------------------------------------------------


def _check_outcomes(exchange: Exchange, told: list[Update]) -> None:
    """Each command that was acknowledged had its outcome, and had it once."""
    outcomes: Counter[RequestId] = Counter()
    for update in told:
        if is_outcome(update):
            outcomes[update.request] += 1
    for request, command in exchange.clients.acknowledged.items():
        count = outcomes[request]
        _require(count == 1, f"request {request} has {count} outcomes: {command}")


def _check_money(exchange: Exchange, replays: Replays, told: list[Update]) -> None:
    """What customers have and what was earned is what came in less what went out."""
    ledgers = [f.machine for f in replays.values() if isinstance(f.machine, LedgerPartition)]
    clearing: Counter[Asset] = Counter()
    outside: Counter[Asset] = Counter()
    have: dict[tuple[AccountId, Asset], Balance] = {}
    inside: Counter[Asset] = Counter()
    for machine in ledgers:
        machine.ledger.check()
        for asset, system in machine.ledger.system.items():
            clearing[asset] += system.clearing.units
            outside[asset] -= system.external.units
            inside[asset] += system.fees.units
        for account_id, account in machine.ledger.accounts.items():
            for asset, purse in account.purses.items():
                have[account_id, asset] = purse.balance
                inside[asset] += purse.balance.available + purse.balance.held
    _require(not any(clearing.values()), f"settlements are under way for ever: {clearing}")
    _require(+inside == +outside, f"inside are {inside}, of {outside} that came in")
    told_last: dict[tuple[AccountId, Asset], Balance] = {}
    for update in told:
        if isinstance(update, BalanceUpdate):
            for balance in update.balances:
                told_last[update.account, balance.asset] = balance
    _require(told_last == have, "clients were told other balances than the ledger has")
    _check_deposits(exchange.clients.acknowledged, told, outside)


def _check_deposits(
    acknowledged: dict[RequestId, AccountCommand], told: list[Update], outside: Counter[Asset]
) -> None:
    """Clients' own sum of what they brought and took; those without an answer know less."""
    answered: Counter[Asset] = Counter()
    changed = {u.request for u in told if isinstance(u, BalanceUpdate) and u.request}
    paid_out = {
        u.request: u
        for u in told
        if isinstance(u, BalanceUpdate) and u.change is BalanceChange.PAYOUT
    }
    for request, command in acknowledged.items():
        match command:
            case Deposit(asset=asset, amount=amount) if request in changed:
                answered[asset] += amount
            case Withdraw(asset=asset, amount=amount) if request in changed:
                answered[asset] -= amount
            case DecideWithdrawal() if request in paid_out:
                answered[paid_out[request].balances[0].asset] += paid_out[request].came_in
            case _:
                pass
    known = {request for request in changed if request in acknowledged}
    if known == changed:
        _require(+answered == +outside, f"clients brought {answered}, the ledger says {outside}")


def _check_open_orders(replays: Replays, told: list[Update]) -> None:
    """Clients, ledgers and books agree on which orders are open."""
    told_open: dict[OrderId, bool] = {}
    by_market = sorted(
        (u for u in told if isinstance(u, OrderUpdate)), key=lambda u: (u.order_id, u.market_seq)
    )
    for update in by_market:
        told_open[update.order_id] = update.status.is_open
    books, ledgers = set[OrderId](), set[OrderId]()
    for found in replays.values():
        machine = found.machine
        if isinstance(machine, MatchingPartition):
            for market in machine.markets.values():
                books.update(order.order_id for order in market.book.resting())
        elif isinstance(machine, LedgerPartition):
            ledgers.update(o for a in machine.ledger.accounts.values() for o in a.orders)
    clients = {order_id for order_id, is_open in told_open.items() if is_open}
    _require(clients == books, f"open to clients or in books only: {clients ^ books}")
    _require(ledgers == books, f"open to ledgers or in books only: {ledgers ^ books}")
