"""How the command line speaks: lines for a person on stderr, numbers with their nouns."""

from __future__ import annotations

import click

from newsletter.errors import printable


def say(line: str) -> None:
    """Print `line` on stderr, where the conversation is."""
    click.echo(printable(line), err=True)


def count(number: int, noun: str) -> str:
    """`1 post`, `2 posts`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number_bytes: int) -> str:
    """A number of bytes as a person reads it: `512 B`, `34.2 kB`."""
    if number_bytes < 1000:
        return f"{number_bytes} B"
    return f"{number_bytes / 1000:.1f} kB" if number_bytes < 1_000_000 else f"{number_bytes / 1e6:.1f} MB"
