"""A group of commands, each imported when it is called: `newsletter --help` waits for nothing."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click


class LazyGroup(click.Group):
    """The commands by name: the module in `newsletter.cli` that holds each, and its line in the list of commands."""

    commands_by_name: Mapping[str, tuple[str, str]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the table."""
        return list(self.commands_by_name)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command, found in its module under its name or, where Python has taken that, with a line below it."""
        if name not in self.commands_by_name:
            return None
        module = importlib.import_module(f"newsletter.cli.{self.commands_by_name[name][0]}")
        command: click.Command = getattr(module, name, None) or getattr(module, f"{name}_")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.commands_by_name.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` begin with; a word that is none is answered with the nearest one."""
        if args and args[0] not in self.commands_by_name and not args[0].startswith("-"):
            from newsletter.config import nearest

            near = nearest(args[0], self.commands_by_name)
            ctx.fail(f"no such command: {args[0]!r}" + (f", did you mean {near!r}?" if near else ""))
        return super().resolve_command(ctx, args)
