"""`python -m infra.contract`: write what is made of the contract; `release`: freeze it."""

from __future__ import annotations

import sys

from infra.contract.files import RELEASED, files, released_files


def main(arguments: list[str]) -> None:
    """Write the files, or make the contract as it is the one that is released."""
    match arguments:
        case []:
            made = files()
        case ["release"]:
            made = released_files()
        case _:
            sys.exit("usage: python -m infra.contract [release]")
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path.relative_to(RELEASED.parents[2]))


main(sys.argv[1:])
