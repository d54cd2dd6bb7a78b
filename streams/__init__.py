"""The exchange's core: machines, the messages they exchange, and the runtime that drives them."""

from streams import compiled

compiled.prefer()
