"""The way between a process and a service: it takes time, and the process may die on it."""

from __future__ import annotations

from tests.simulation.process import Process
from tests.simulation.weather import Weather


class Wire:
    """One process's way to one service."""

    def __init__(self, process: Process, weather: Weather) -> None:
        self.process = process
        self.weather = weather

    async def leave(self) -> None:
        """Be about to ask: the process runs, or dies here."""
        await self.process.gate()
        await self._perhaps_die()

    async def cross(self) -> None:
        """One way; who arrives at a process that is paused waits for it."""
        await self.weather.pass_network()
        await self.process.gate()
        await self._perhaps_die()

    async def _perhaps_die(self) -> None:
        if self.weather.happens("crash"):
            self.process.kill()
            await self.process.gate()
