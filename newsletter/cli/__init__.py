"""The command line: arguments in, lines out, no decisions.

stdout is the result (a path, an id), stderr the conversation.  Exit codes: 0 done; 1 something found or refused;
2 wrong usage or input; 75 try again later; 130 interrupted.  A command's module is imported when it is called, so
`newsletter --help` waits for nothing.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from newsletter import __version__
from newsletter.cli.group import LazyGroup
from newsletter.errors import NewsletterError, printable

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
    "subscribers": ("people", "The people: who is on the list, who joins and leaves."),
    "send": ("post", "Send an issue to the list, or a test of it."),
    "run": ("post", "Send what is due, in the foreground."),
    "status": ("status", "What became of an issue, and who is in doubt."),
    "settle": ("status", "Say what became of deliveries in doubt."),
    "reconcile": ("status", "Settle deliveries in doubt by the mail server's log."),
}


class _Commands(LazyGroup):
    """The commands of the program."""

    commands_by_name = COMMANDS


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
    except OSError as error:
        if error.filename is None:  # no file of a person's: a bug
            raise
        click.echo(printable(f"{os.fsdecode(error.filename)}: {error.strerror}"), err=True)
        sys.exit(75 if error.errno in (errno.ENOSPC, errno.EDQUOT) else 2)
