"""Compiles the machines with mypyc, for whoever runs this checkout: `make compile`.

Needs a C compiler and Python's headers. What it makes is used by all that start afterwards, for as
long as the source stays as it is (`streams.compiled`).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from mypyc.build import mypycify
from setuptools import Distribution
from setuptools.errors import CompileError

from streams import compiled

OPTIONS = ["--config-file=", "--follow-imports=silent"]


def main() -> None:
    """Compile what is not compiled yet, and drop what was compiled of other sources."""
    made = compiled.folder()
    if not made.is_dir():
        os.chdir(compiled.ROOT)
        compiled.FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=compiled.FOLDER) as scratch:
            _compile(Path(scratch))
            os.rename(Path(scratch) / "lib", made)
    for other in compiled.FOLDER.iterdir():
        if other != made:
            shutil.rmtree(other)
    print(f"The machines are compiled: {len(compiled.MODULES)} modules")


def _compile(scratch: Path) -> None:
    paths = [str(compiled.source(module)) for module in compiled.MODULES]
    extensions = mypycify(
        [*OPTIONS, *paths],
        group_name=compiled.GROUP,
        target_dir=str(scratch / "c"),
        debug_level="0",
    )
    build = Distribution({"name": "machines", "ext_modules": extensions})
    command = build.get_command_obj("build_ext")
    command.build_lib = str(scratch / "lib")
    command.build_temp = str(scratch / "o")
    try:
        build.run_command("build_ext")
    except CompileError as error:
        sys.exit(
            f"The machines could not be compiled ({error}). A C compiler and Python's headers are"
            " needed; without them the exchange runs as it is, slower."
        )


if __name__ == "__main__":
    main()
