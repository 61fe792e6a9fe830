"""The command line: arguments in, lines out, no decisions.

stdout is the result (a path, an id), stderr the conversation.  Exit codes: 0 done; 1 something found or refused;
2 wrong usage or input; 75 try again later; 130 interrupted.  A command's module is imported when it is called, so
`newsletter --help` waits for nothing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from newsletter import __version__
from newsletter.errors import NewsletterError

#: Every command: the module that holds it and its line in the list of commands.
COMMANDS = {
    "init": ("start", "Make a new publication."),
    "demo": ("start", "See the whole way on sample posts, in a few seconds."),
    "themes": ("start", "List the themes, or the settings of one."),
    "draft": ("make", "New posts become an issue."),
    "build": ("make", "An issue becomes an email."),
    "check": ("inspect", "What is wrong with an issue, and where to mend it."),
    "preview": ("preview", "See an issue in the browser, live."),
    "shots": ("preview", "Take pictures of an issue."),
    "send": ("post", "Send a test of an issue."),
}


class _Commands(click.Group):
    """The commands by name, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"newsletter.cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            from newsletter.config import nearest

            near = nearest(args[0], COMMANDS)
            ctx.fail(f"no such command: {args[0]!r}" + (f", did you mean {near!r}?" if near else ""))
        return super().resolve_command(ctx, args)


@click.command(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "-V", "--version", message="newsletter %(version)s")
@click.option(
    "-C",
    "folder",
    type=click.Path(path_type=Path),
    default=".",
    help="The publication's folder, if not this one or one above.",
)
@click.pass_context
def newsletter(ctx: click.Context, folder: Path) -> None:
    """Posts in, a responsive email issue out.

    \b
    newsletter init my-letter && cd my-letter
    newsletter draft                     new posts -> issues/2026-11-23-.../
    newsletter build                     -> issues/2026-11-23-.../build/email.html
    newsletter send --test me@example.com
    """
    ctx.obj = folder


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line on `arguments` (default: the process's) and exit with its code."""
    try:
        newsletter.main(
            args=list(arguments) if arguments is not None else None,
            prog_name="newsletter",
            standalone_mode=False,
        )
    except NewsletterError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
