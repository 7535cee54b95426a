"""The options that choose depots, the same for each benchmark that has them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from benchmarks.families import FAMILIES, depot, digest, size

_T = TypeVar("_T")


def several(kind: Callable[[str], _T]) -> Callable[[str], list[_T]]:
    """The type of an option that takes values with commas between."""

    def parse(text: str) -> list[_T]:
        try:
            return [kind(x) for x in text.split(",")]
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse


def a_family(text: str) -> str:
    if text not in FAMILIES:
        raise argparse.ArgumentTypeError(f'wants one of {", ".join(FAMILIES)}, not "{text}"')
    return text


def a_size(text: str) -> str:
    size(text)
    return text


def seconds(text: str) -> float:
    """Of a budget; raises ArgumentTypeError for what is none."""
    with suppress(ValueError):
        if 0 < (value := float(text)) <= 3600:
            return value
    raise argparse.ArgumentTypeError(f"wants more than 0 and at most 3600 seconds, not {text}")


def add_depots(parser: argparse.ArgumentParser, sizes: Sequence[str]) -> None:
    names = list(FAMILIES)
    parser.add_argument("--families", type=several(a_family), default=names, metavar="A,B")
    parser.add_argument(
        "--sizes", type=several(a_size), default=list(sizes), metavar="V/R,...",
        help=f"vehicles/routes (default: {','.join(sizes)})",
    )  # fmt: skip
    parser.add_argument("--seeds", type=several(int), default=[0], metavar="N,...")


def place(arguments: Mapping[str, Any]) -> tuple[tuple[int, int], int]:
    """Where a depot stands in a table: by size, then as the families are listed."""
    return size(arguments["size"]), list(FAMILIES).index(arguments["family"])


def depots(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The arguments of `families.again`, small depots first."""
    for text in sorted(args.sizes, key=size):
        for family in args.families:
            for seed in args.seeds:
                told = digest(depot(family, *size(text), seed))
                yield {"family": family, "size": text, "seed": seed, "digest": told}
