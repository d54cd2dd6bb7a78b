"""What commands do to the books. Knows accounts, assets and amounts; nothing of prices or logs."""

from __future__ import annotations

from collections import Counter
from sys import intern
from typing import Final

from streams.ledger.accounts import Account, OpenOrder
from streams.ledger.books import LedgerCorrupt, Purse, SystemAccounts, move
from streams.ledger.standing import OPEN, is_same_request
from streams.messages import (
    ACCOUNT_PARTITIONS_MAX,
    BASIS_POINTS,
    UNITS_MAX,
    AccountFees,
    AccountId,
    AccountStatus,
    AmendOrder,
    Asset,
    CancelOrder,
    MarketId,
    Millis,
    MoveHold,
    OrderId,
    PlaceOrder,
    Reason,
    ReleaseName,
    Settle,
    Withdrawal,
    WithdrawalStatus,
)

OUTSTANDING_MAX = UNITS_MAX // ACCOUNT_PARTITIONS_MAX
"""The most a partition may owe the outside of one asset: deposits less withdrawals.

No account can have more than all partitions owe together, and that is at most `UNITS_MAX`. So no
later settlement, whichever way assets wander between partitions, can take a balance out of range.
"""


NO_ORDER: Final = OrderId(0)

AMENDMENTS_UNDER_WAY_MAX = 16
"""Of one order."""


class Ledger:
    """The accounts of one partition. Methods that can refuse return why, or `Reason.NONE`."""

    __slots__ = ("accounts", "system")

    def __init__(self) -> None:
        self.accounts: dict[AccountId, Account] = {}
        self.system: dict[Asset, SystemAccounts] = {}

    def open_account(self, account_id: AccountId) -> Reason:
        if account_id in self.accounts:
            return Reason.ACCOUNT_EXISTS
        self.accounts[account_id] = Account()
        return Reason.NONE

    def deposit(self, account_id: AccountId, asset: Asset, units: int) -> Reason:
        account = self.accounts.get(account_id)
        if account is None:
            return Reason.UNKNOWN_ACCOUNT
        if account.standing.status is AccountStatus.CLOSED:
            return Reason.ACCOUNT_CLOSED
        if not 0 < units <= OUTSTANDING_MAX + self._external(asset):
            return Reason.AMOUNT_OUT_OF_RANGE
        move(units, self.system_accounts(asset).external, account.purse(asset).available)
        return Reason.NONE

    def withdraw(self, account_id: AccountId, asset: Asset, units: int) -> Reason:
        account = self.accounts.get(account_id)
        if account is None:
            return Reason.UNKNOWN_ACCOUNT
        if account.standing is not OPEN and account.standing.refusal:
            return account.standing.refusal
        if not 0 < units <= UNITS_MAX:
            return Reason.AMOUNT_OUT_OF_RANGE
        purse = account.purses.get(asset)
        if purse is None or purse.available.units < units:
            return Reason.INSUFFICIENT_BALANCE
        move(units, purse.available, self.system_accounts(asset).external)
        return Reason.NONE

    def set_status(self, account_id: AccountId, status: AccountStatus, reason: str) -> Reason:
        """Freeze, open or close an account; only an empty one is closed, and that for good."""
        account = self.accounts.get(account_id)
        if account is None:
            return Reason.UNKNOWN_ACCOUNT
        if account.standing.status is AccountStatus.CLOSED:
            return Reason.ACCOUNT_CLOSED
        if status is AccountStatus.CLOSED and not account.is_empty:
            return Reason.ACCOUNT_NOT_EMPTY
        standing = account.own_standing()
        standing.status, standing.reason = status, reason
        return Reason.NONE

    def set_fees(self, account_id: AccountId, fees: AccountFees | None) -> Reason:
        account = self.accounts.get(account_id)
        if account is None:
            return Reason.UNKNOWN_ACCOUNT
        rates = () if fees is None else (fees.maker_bps, fees.taker_bps)
        if not all(0 <= rate < BASIS_POINTS for rate in rates):
            return Reason.AMOUNT_OUT_OF_RANGE
        account.own_standing().fees = fees
        return Reason.NONE

    def request_withdrawal(self, account_id: AccountId, wanted: Withdrawal) -> Withdrawal | Reason:
        """Hold what is to be taken out; or the withdrawal of that reference as it stands."""
        account = self.accounts.get(account_id)
        if account is None:
            return Reason.UNKNOWN_ACCOUNT
        known = account.standing.withdrawals.get(wanted.reference)
        if known is not None:
            return known if is_same_request(known, wanted) else Reason.REFERENCE_REUSED
        refusal = account.standing.refuses(wanted)
        if refusal is not Reason.NONE:
            return refusal
        if not 0 < wanted.amount <= UNITS_MAX:
            return Reason.AMOUNT_OUT_OF_RANGE
        purse = account.purses.get(wanted.asset)
        if purse is None or purse.available.units < wanted.amount:
            return Reason.INSUFFICIENT_BALANCE
        move(wanted.amount, purse.available, purse.held)
        account.own_standing().add(wanted)
        return wanted

    def withdrawal(self, account_id: AccountId, reference: str) -> Withdrawal | None:
        account = self.accounts.get(account_id)
        return None if account is None else account.standing.withdrawals.get(reference)

    def decide_withdrawal(
        self, account_id: AccountId, reference: str, approved: bool, reason: str, at: Millis
    ) -> Withdrawal | Reason:
        """Pay a withdrawal out or release it; or the withdrawal, decided that way before."""
        account = self.accounts.get(account_id)
        if account is None:
            return Reason.UNKNOWN_ACCOUNT
        known = account.standing.withdrawals.get(reference)
        if known is None:
            return Reason.UNKNOWN_WITHDRAWAL
        if known.status is not WithdrawalStatus.PENDING:
            as_before = (known.status is WithdrawalStatus.PAID) is approved
            return known if as_before else Reason.WITHDRAWAL_DECIDED
        purse = account.purses[known.asset]
        target = self.system_accounts(known.asset).external if approved else purse.available
        move(known.amount, purse.held, target)
        return account.standing.decide(known, approved, reason, at)

    def place(self, order_id: OrderId, order: PlaceOrder, replaces: OrderId = NO_ORDER) -> Reason:
        """Hold an order's funds and keep it as open, under an id never used before.

        Of what is lacking to hold for one that `replaces` another open order, that one's hold will
        do, and its name may be the same.
        """
        account = self.accounts.get(order.account)
        if account is None:
            return Reason.UNKNOWN_ACCOUNT
        if account.standing is not OPEN and account.standing.refusal:
            return account.standing.refusal
        if not 0 < order.hold <= UNITS_MAX:
            return Reason.AMOUNT_OUT_OF_RANGE
        namesake = account.order_ids.get(order.client_order_id, NO_ORDER)
        if namesake != NO_ORDER and namesake != replaces:
            return Reason.DUPLICATE_ORDER_ID
        purse = account.purses.get(order.hold_asset)
        if purse is None:
            return Reason.INSUFFICIENT_BALANCE
        held: int = order.hold
        if purse.available.units < held:
            lacking, held = held - purse.available.units, purse.available.units
            replaced = account.orders.get(replaces)
            if replaced is None or replaced.purse is not purse or replaced.held < lacking:
                return Reason.INSUFFICIENT_BALANCE
        move(held, purse.available, purse.held)
        opened = OpenOrder(
            MarketId(intern(order.market)),
            order.market_partition,
            order.client_order_id,
            purse,
            held,
        )
        opened.replaces = namesake
        account.add(order_id, opened)
        return Reason.NONE

    def amend(self, amend: AmendOrder) -> tuple[OrderId, OpenOrder] | Reason:
        """The open order an amendment names, which is known by its new name from now on as well."""
        found = self.open_order(amend)
        if found is None:
            return Reason.UNKNOWN_ORDER
        account, (order_id, order) = self.accounts[amend.account], found
        if account.order_ids.get(amend.new_client_order_id, order_id) != order_id:
            return Reason.DUPLICATE_ORDER_ID
        if len(order.other_names) >= AMENDMENTS_UNDER_WAY_MAX:
            return Reason.TOO_MANY_AMENDMENTS
        account.add_name(order_id, amend.new_client_order_id)
        return order_id, order

    def move_hold(self, moved: MoveHold) -> None:
        """Hold for one order what was held for another.

        Raises `LedgerCorrupt` where they are not open, or it is not there.
        """
        account = self.accounts.get(moved.account)
        source = account.orders.get(moved.from_order_id) if account is not None else None
        target = account.orders.get(moved.order_id) if account is not None else None
        if source is None or target is None or source.purse is not target.purse:
            raise LedgerCorrupt(f"a hold moved between orders that are not open: {moved}")
        if not 0 <= moved.amount <= source.held:
            raise LedgerCorrupt(f"a hold of {source.held}: {moved}")
        source.held -= moved.amount
        target.held += moved.amount

    def release_name(self, release: ReleaseName) -> None:
        """Take back a name that an order does not go by, after its market has said so.

        Raises `LedgerCorrupt` when no open order has the name.
        """
        account = self.accounts.get(release.account)
        order = account.orders.get(release.order_id) if account is not None else None
        if account is None or order is None or not order.other_names:
            raise LedgerCorrupt(f"a name of an order that has no other: {release}")
        if release.client_order_id not in order.names:
            raise LedgerCorrupt(f"not a name of {order.names}: {release}")
        account.remove_name(release.order_id, release.client_order_id)

    def open_order(self, named: CancelOrder | AmendOrder) -> tuple[OrderId, OpenOrder] | None:
        """The open order a command names, if the account has it in that market."""
        account = self.accounts.get(named.account)
        if account is None:
            return None
        order_id = named.order_id or account.order_ids.get(named.client_order_id)
        order = None if order_id is None else account.orders.get(order_id)
        if order_id is None or order is None or order.market != named.market:
            return None
        return order_id, order

    def settle(self, settle: Settle) -> list[Purse]:
        """Post what a market did with an order's hold; the purses it changed.

        Raises `LedgerCorrupt` when the order is not open, or its hold is not what is accounted for.
        """
        account = self.accounts.get(settle.account)
        order = account.orders.get(settle.order_id) if account is not None else None
        if account is None or order is None:
            raise LedgerCorrupt(f"settlement of an order that is not open: {settle}")
        spent = settle.paid + settle.released
        if spent > order.held or (settle.done and spent != order.held):
            raise LedgerCorrupt(f"settlement of a hold of {order.held}: {settle}")
        purse = order.purse
        move(settle.paid, purse.held, self.system_accounts(purse.asset).clearing)
        move(settle.released, purse.held, purse.available)
        order.held -= spent
        changed = [purse]
        if settle.received or settle.fee:
            changed += self._receive(account, settle)
        if settle.done:
            account.remove(settle.order_id)
        return changed

    def _receive(self, account: Account, settle: Settle) -> list[Purse]:
        purse = account.purse(settle.received_asset)
        system = self.system_accounts(settle.received_asset)
        move(settle.received, system.clearing, purse.available)
        move(settle.fee, system.clearing, system.fees)
        return [purse]

    def system_accounts(self, asset: Asset) -> SystemAccounts:
        """The counterparts for an asset, made empty where there are none."""
        system = self.system.get(asset)
        if system is None:
            system = self.system[asset] = SystemAccounts()
        return system

    def _external(self, asset: Asset) -> int:
        system = self.system.get(asset)
        return 0 if system is None else system.external.units

    def check(self) -> None:
        """Go through all the books; raise `LedgerCorrupt` where a law of theirs is broken.

        Each asset sums to zero, and each account's held amount is that of its open orders and
        pending withdrawals.
        """
        totals: Counter[Asset] = Counter()
        for asset, system in self.system.items():
            totals[asset] += system.total
        for account_id, account in self.accounts.items():
            held: Counter[Asset] = Counter()
            for order in account.orders.values():
                held[order.purse.asset] += order.held
            for withdrawal in account.standing.pending:
                held[withdrawal.asset] += withdrawal.amount
            for asset, purse in account.purses.items():
                totals[asset] += purse.available.units + purse.held.units
                if purse.held.units != held[asset]:
                    raise LedgerCorrupt(f"{account_id}: {purse.balance}, due {held[asset]}")
        wrong = {asset: total for asset, total in totals.items() if total}
        if wrong:
            raise LedgerCorrupt(f"assets that do not sum to zero: {wrong}")
