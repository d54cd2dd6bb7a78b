"""Detached processes: found again, stopped for certain, and never somebody else's."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from infra import processes
from infra.processes import BEHIND_NICE, Process, Records, StartError, tail

WAIT_LIMIT_S = 5.0
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on'); time.sleep(60)"

Start = Callable[[str], Process]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "it.log"


@pytest.fixture
def start(log: Path) -> Iterator[Start]:
    """Start a Python program; whatever still runs at the end is killed."""
    started: list[Process] = []

    def start(program: str) -> Process:
        command = [sys.executable, "-u", "-c", program]
        started.append(processes.start(command, log, "http://127.0.0.1:1"))
        return started[-1]

    yield start
    for process in started:
        if process.running():
            os.kill(process.pid, signal.SIGKILL)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that is about to happen."""
    deadline = time.monotonic() + WAIT_LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_a_process_has_a_session_of_its_own_and_writes_its_log(start: Start, log: Path) -> None:
    process = start("import os, time; print(os.getsid(0)); time.sleep(60)")
    until(lambda: tail(log) == str(process.pid))
    assert process.running()


def test_one_that_is_behind_lets_others_go_first(log: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = processes.start(command, log, "http://127.0.0.1:1", behind=True)
    try:
        assert psutil.Process(process.pid).nice() == BEHIND_NICE
        if sys.platform == "linux":
            assert os.sched_getscheduler(process.pid) == os.SCHED_BATCH
    finally:
        process.stop()


def test_it_stops_on_sigterm(start: Start) -> None:
    process = start("import time; time.sleep(60)")
    assert process.stop()
    assert not process.running()
    assert not process.stop()


def test_it_is_killed_if_it_ignores_sigterm(
    start: Start, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "TERM_GRACE_S", 0.2)
    process = start(STUBBORN)
    until(lambda: tail(log) == "on")
    assert process.stop()
    assert not process.running()


def test_one_that_ended_by_itself_does_not_run(start: Start) -> None:
    process = start("raise SystemExit(3)")
    until(lambda: not process.running())


def test_a_recycled_pid_is_neither_found_nor_killed(start: Start) -> None:
    somebody = start("import time; time.sleep(60)")
    ours = msgspec.structs.replace(somebody, started_at=somebody.started_at - 3600)
    assert not ours.running()
    assert not ours.stop()
    assert somebody.running()


def test_a_pid_that_nobody_has_is_not_running() -> None:
    assert not Process(pid=2**22 + 1, started_at=0.0, address="").running()


def test_who_listens_is_not_taken_for_another_that_was_quicker(start: Start, log: Path) -> None:
    listen = "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1])"
    quicker = start(f"import socket, time; {listen}; time.sleep(60)")
    slower = start("import time; time.sleep(60)")
    until(lambda: tail(log).isdigit())
    address = f"127.0.0.1:{tail(log)}"
    assert msgspec.structs.replace(quicker, address=address).listens()
    assert not msgspec.structs.replace(slower, address=address).listens()


def test_a_record_outlives_its_writer(tmp_path: Path, start: Start) -> None:
    process = start("import time; time.sleep(60)")
    Records(tmp_path).save("api", process)
    again = Records(tmp_path)
    assert again.running("api") == process
    assert again.names() == ["api"]
    assert again.stop("api")
    assert again.recorded("api") is None
    assert not again.stop("api")


def test_a_record_of_a_dead_process_keeps_its_address(tmp_path: Path) -> None:
    records = Records(tmp_path)
    dead = Process(os.getpid(), psutil.Process().create_time() - 60, "127.0.0.1:9092")
    records.save("kafka", dead)
    assert records.running("kafka") is None
    assert records.recorded("kafka") == dead


def test_two_commands_do_not_work_on_the_same_part(tmp_path: Path) -> None:
    with Records(tmp_path).exclusive("nodes", 1.0):
        with (
            pytest.raises(TimeoutError, match="nodes"),
            Records(tmp_path).exclusive("nodes", 0.2),
        ):
            pass
        with Records(tmp_path).exclusive("services", 1.0):
            pass


def test_a_waiting_command_goes_on_when_the_other_is_done(tmp_path: Path) -> None:
    entered = threading.Event()

    def second() -> None:
        with Records(tmp_path).exclusive("nodes", WAIT_LIMIT_S):
            entered.set()

    with Records(tmp_path).exclusive("nodes", 1.0):
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not entered.wait(0.05)
    assert entered.wait(WAIT_LIMIT_S)
    waiting.join(WAIT_LIMIT_S)


def test_a_failed_start_shows_the_end_of_the_log(log: Path) -> None:
    log.parent.mkdir()
    log.write_text("".join(f"line {number}\n" for number in range(200)))
    message = str(StartError("kafka", "ended instead of starting", log))
    assert message.startswith("kafka ended instead of starting.")
    assert message.endswith("line 198\nline 199")
    assert "line 10\n" not in message


def test_a_long_log_is_put_aside_at_the_next_start(
    start: Start, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "LOG_LIMIT_BYTES", 10)
    log.parent.mkdir()
    log.write_text("more than ten bytes")
    start("print('new')")
    until(lambda: tail(log) == "new")
    assert log.with_suffix(".1.log").read_text() == "more than ten bytes"
