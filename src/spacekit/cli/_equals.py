"""A click command that takes ``-f=table.csv``, as people type it from the published docs."""

from __future__ import annotations

import re

import click

__all__ = ["EqualsCommand"]

_SHORT = re.compile(r"(-[A-Za-z])=(.*)", re.DOTALL)


class EqualsCommand(click.Command):
    """Drops the equals sign after a short option, which click would take for the value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments with ``-x=value`` split in two, up to a lone ``--``."""
        end = args.index("--") if "--" in args else len(args)
        split: list[str] = []
        for arg in args[:end]:
            found = _SHORT.fullmatch(arg)
            split += [found[1], found[2]] if found else [arg]
        return super().parse_args(ctx, split + args[end:])
