"""A worker: a Faust app with one agent that drives the machines of its partitions.

Faust brings group membership, rebalancing, the table the machines live in and supervision. What
correctness rests on is ours: positions come from the state (`partitions`) and never from what Faust
has committed, nothing is sent before the log has what came before it (`publisher`), and whatever is
not expected ends the process (law 9).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading
from typing import Any

import faust
import uvloop
from mode import Service

from infra.health import Health
from infra.settings import Settings
from projections.epoch import awaited_epoch
from projections.patience import Faults, until_done
from streams.runtime.cql_store import CqlStore
from streams.runtime.kafka_log import KafkaLog, kept
from streams.runtime.partitions import Partitions
from streams.runtime.role import Role
from streams.runtime.transport import App, Lease, Polled

HEARTBEATS_PER_SESSION = 3
POLL_RECORDS_MAX = 2_000
MINDED_EVERY_S = 60.0
BROKER_LIMIT_S = 600.0
END_LIMIT_S = 30.0
"""How long a process may outlive its agent: its stopping may wait for what is gone as well."""

# The group's heartbeats and the database's driver have threads of their own; with CPython's 5 ms
# the loop could wait that long for the interpreter whenever one of them has something to do.
SWITCH_INTERVAL_S = 0.0002

log = logging.getLogger(__name__)


def run(role: Role, settings: Settings) -> None:
    """Run a worker of this role until SIGTERM; exits with 1 when it crashed."""
    uvloop.install()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    app = build(role, settings)
    worker = faust.Worker(app, loglevel=settings.log_level, redirect_stdouts=False)
    worker.execute_from_commandline()


def build(role: Role, settings: Settings) -> App:
    """The Faust app of a role: its source, its table of machines, its one agent."""
    lease = Lease(settings.session_s)
    ground = Ground(role, settings, lease)
    partitions = ground.partitions
    app = _app(role, settings, lease, ground)
    machines = app.Table(
        "machines", partitions=role.partitions(settings), key_type=bytes, value_type=bytes
    )
    source = app.topic(app.source_name, value_serializer="raw", key_serializer="raw")

    async def assign(_: App, **__: Any) -> None:
        assigned = app.consumer.assignment()
        positions = await partitions.assign(
            tp.partition for tp in assigned if tp.topic == app.source_name
        )
        physical = ground.records.epoch.physical
        app.positions = {partition: physical(at) for partition, at in positions.items()}
        machines.data.clear()
        for partition, held in partitions.held.items():
            # Straight into the memory store: the live machine is no changelog record.
            machines.data[str(partition).encode()] = held.machine
        # What came back is there to stay. The collector's full passes would go over all of it, and
        # nothing else happens meanwhile: 41 ms for a ledger with 200,000 open orders.
        gc.collect()
        gc.freeze()

    async def release(_: App, *__: Any, **___: Any) -> None:
        await partitions.release()

    async def drive(stream: Any) -> None:
        try:
            async for event in stream.noack().events():
                polled: Polled = event.value
                partition = event.message.partition
                if polled.seeks == app.seeks[partition]:
                    records = [kept(record, ground.records.epoch) for record in polled.records]
                    await partitions.process(partition, records, more_follow=polled.more_follow)
                await stream.ack(event)
                app.consumer.worked_off()
        finally:
            # However it came to this: without its agent a worker is none, and must not look like
            # one, holding partitions that nobody else can have.
            _end_soon(role)

    # Awaited before the group is joined again, as others get the partitions then.
    app.on_partitions_revoked.connect(release, weak=False)
    # Awaited by Faust before it seeks and lets records flow.
    app.on_rebalance_complete.connect(assign, weak=False)
    app.agent(source, name=role.name)(drive)
    return app


def _end_soon(role: Role) -> None:
    """See to it that the process ends within its limit, whatever its stopping waits for."""

    def end() -> None:
        log.critical("%s has not stopped within %.0f s: it is ended", role.name, END_LIMIT_S)
        os._exit(1)

    timer = threading.Timer(END_LIMIT_S, end)
    timer.daemon = True
    timer.start()


class Ground(Service):  # type: ignore[misc]
    """What a worker stands on besides Faust, started before it and stopped after it."""

    def __init__(self, role: Role, settings: Settings, lease: Lease) -> None:
        super().__init__()
        self._role = role
        self._settings = settings
        self._health = Health()
        self._health.answers["/digests"] = self.digests
        self.records = KafkaLog(settings, lease)
        self._store = CqlStore(settings)
        self._server: asyncio.Server | None = None
        self.partitions = Partitions(role, settings, self.records, self._store, self._health)

    async def on_start(self) -> None:
        if self._settings.health_port:
            self._server = await self._health.serve(self._settings.host, self._settings.health_port)
        faults = Faults(self._role.name, lambda: None)
        faults.changed = lambda: self._health.details.update(waits_for=sorted(faults.reasons))
        self.records.epoch = await awaited_epoch(self._store.connected, faults)
        # As long as for the database: both may be restarted by whoever restarts this.
        async with asyncio.timeout(BROKER_LIMIT_S):
            await until_done(self.records.start, "broker", faults)

    @Service.task  # type: ignore[untyped-decorator]
    async def mind_the_time(self) -> None:
        """See to what is due although nothing arrives."""
        while not self.should_stop:
            await self.sleep(MINDED_EVERY_S)
            await self.partitions.tick_if_quiet()
            await self.partitions.checkpoint_if_due()

    async def digests(self) -> dict[str, object]:
        """What `velocity verify` holds a replay against."""
        return {"role": self._role.name, "partitions": await self.partitions.digests()}

    async def on_stop(self) -> None:
        self._health.ready = False
        if self._server is not None:
            self._server.close()
        await self.partitions.close()
        await self.records.stop()
        await self._store.close()


def _credentials(settings: Settings) -> Any:
    """Who Faust's own clients are to the broker, in its words."""
    client = settings.kafka_client
    context = client["ssl_context"]
    if settings.kafka_user:
        return faust.SASLCredentials(
            username=settings.kafka_user,
            password=client["sasl_plain_password"],
            mechanism=client["sasl_mechanism"],
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)


def _app(role: Role, settings: Settings, lease: Lease, ground: Ground) -> App:
    datadir = settings.home / "faust" / f"{role.name}-{settings.worker}"
    datadir.mkdir(parents=True, exist_ok=True)
    return App(
        f"{settings.venue}.{role.name}",
        source_name=role.source.name(settings.venue),
        gather_s=role.gather_s,
        lease=lease,
        ground=ground,
        let_go=ground.partitions.release,
        settle=ground.partitions.settle,
        granted=ground.partitions.grant,
        client=settings.kafka_client,
        broker=f"kafka://{settings.broker}",
        broker_credentials=_credentials(settings),
        datadir=datadir,
        store="memory://",
        agent_supervisor="mode.CrashingSupervisor",
        consumer_group_instance_id=f"{role.name}-{settings.worker}",
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=settings.session_s,
        broker_heartbeat_interval=settings.session_s / HEARTBEATS_PER_SESSION,
        broker_max_poll_records=POLL_RECORDS_MAX,
        topic_partitions=role.partitions(settings),
        topic_replication_factor=settings.replication,
        topic_disable_leader=True,
        # What is on its way is waited for by `let_go`. After a crash nothing acknowledges any more.
        stream_wait_empty=False,
        table_standby_replicas=0,
        web_enabled=False,
        loghandlers=[],
    )
