"""All that one api process knows of who may come in, and the counts of those who try."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiokafka import AIOKafkaProducer

from api.accounts.archive import Archive
from api.errors import ApiError, too_many_failures
from api.identity.attempts import Attempts
from api.identity.audit import Audit
from api.identity.gate import Gate
from api.identity.keys import ApiKeys
from api.identity.networks import place
from api.identity.passwords import Passwords
from api.identity.sessions import Sessions
from api.identity.tokens import Tokens
from api.identity.vault import Vault
from api.private.listen_keys import ListenKeys
from infra.settings import Settings

MINUTE_S = 60.0
WINDOW_S = 15 * MINUTE_S
LOGINS_MAX = 10
"""Wrong passwords for one e-mail address within `WINDOW_S`, wherever they come from."""

LOGINS_FROM_PLACE_MAX = 50
ADMIN_FROM_PLACE_MAX = 20
REGISTRATIONS_FROM_PLACE_MAX = 100

SEAL_RETRY_S = 60.0

log = logging.getLogger(__name__)


class Identity:
    """Keys, sessions, passwords and the audit. `run` seals what is not; `close` it at the end."""

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        producer: AIOKafkaProducer,
        clock: Callable[[], int],
    ) -> None:
        """Raises `ValueError` where `secret_keys` are no keys."""
        vault = Vault.of(settings)
        self.keys = ApiKeys(archive, vault, clock)
        self.sessions = Sessions(archive, Tokens(vault, settings.venue), clock)
        self.passwords = Passwords()
        self.gate = Gate(self.keys, self.sessions, clock)
        self.listen_keys = ListenKeys(archive, vault, clock)
        self.audit = Audit(producer, settings, clock, vault)
        self.guesses = Guesses()
        self._archive = archive

    async def run(self) -> None:
        """Seal what is not sealed by the newest key, once the database answers."""
        await self._archive.epoch()
        while True:
            try:
                sealed = await self.keys.seal_all()
            except ApiError:
                log.warning("secrets are not all sealed yet, the database does not answer")
                await asyncio.sleep(SEAL_RETRY_S)
            else:
                if sealed:
                    log.info("sealed %d secrets anew", sealed)
                return

    def close(self) -> None:
        self.passwords.close()


class Guesses:
    """Attempts to get in by what could be guessed: passwords, and the administrator's key."""

    def __init__(self) -> None:
        self._users = Attempts(LOGINS_MAX, WINDOW_S)
        self._places = Attempts(LOGINS_FROM_PLACE_MAX, WINDOW_S)
        self._administrators = Attempts(ADMIN_FROM_PLACE_MAX, WINDOW_S)
        self._registrations = Attempts(REGISTRATIONS_FROM_PLACE_MAX, 4 * WINDOW_S)

    def begin_login(self, email: str, address: str) -> None:
        """Count an attempt before its outcome is known. Raises -1003 where there were too many."""
        _begin(self._places, place(address))
        try:
            _begin(self._users, email)
        except ApiError:
            log.warning("logins of %s are locked: too many failures", email)
            raise

    def login_succeeded(self, email: str, address: str) -> None:
        """The owner is here. What else came from this place still counts: else who has one account
        could guess at others without end.
        """
        self._users.clear(email)
        self._places.forgive(place(address))

    def login_undecided(self, email: str, address: str) -> None:
        """It was not found out whether the attempt was right."""
        self._users.forgive(email)
        self._places.forgive(place(address))

    def begin_administration(self, address: str) -> None:
        """As `begin_login`, for the administrator's key."""
        _begin(self._administrators, place(address))

    def administration_succeeded(self, address: str) -> None:
        self._administrators.forgive(place(address))

    def register(self, address: str) -> None:
        """Count a registration. Raises -1003 where there were too many."""
        _begin(self._registrations, place(address))


def _begin(attempts: Attempts, name: str) -> None:
    wait_s = attempts.begin(name)
    if wait_s:
        raise too_many_failures(wait_s)
