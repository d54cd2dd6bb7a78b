"""What a bench hears from the processes it starts."""

from __future__ import annotations

import select
import subprocess


def line(process: subprocess.Popen[bytes], limit_s: float) -> bytes:
    """The next line a process writes to its output. Raises `TimeoutError`.

    Only for lines that are asked for one at a time: two at once, and the second is not seen.
    """
    pipe = process.stdout
    assert pipe is not None
    if not select.select([pipe], [], [], limit_s)[0]:
        raise TimeoutError(f"nothing heard for {limit_s:.0f} s")
    return pipe.readline()
