"""`init` and `demo`: the first minute."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import click

from newsletter.cli.say import say
from newsletter.publication import Publication
from newsletter.sample import SAMPLE_DAY, make_publication


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--theme", default="digest", show_default=True, metavar="NAME", help="The theme to begin with.")
def init(folder: Path, theme: str) -> None:
    """Make a new publication.

    DIR gets newsletter.toml, .env.example, the theme's files and sample posts.  It may be there already, if it holds
    none of these: nothing is overwritten.

    \b
    newsletter init my-letter && cd my-letter && newsletter draft && newsletter build
    """
    made = make_publication(folder, theme)
    say(f"made {len(made)} files; next: cd {folder} && newsletter draft && newsletter build")
    click.echo(folder)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False, metavar="[DIR]")
def demo(folder: Path | None) -> None:
    """See the whole way on sample posts, in a few seconds.

    Makes a publication in DIR (a new temporary folder, if left out), drafts an issue of its sample posts, builds it,
    and writes a message to a sample reader into its outbox.  Nothing leaves the machine.

    \b
    newsletter demo
    newsletter demo my-demo
    """
    target = folder or Path(tempfile.mkdtemp(prefix="newsletter-demo-")) / "tidewater"
    make_publication(target, "digest")
    publication = Publication.open(target)
    drafted = publication.draft(today=SAMPLE_DAY if folder is None else date.today())
    made = publication.build(drafted.issue_id)
    publication.secrets = publication.secrets.without("SMTP_URL")  # a demo never sends
    (written,) = publication.send_test(made, ["Sample Reader <reader@example.com>"])
    say(f"1. sample posts      {target / 'posts'}")
    say(f"2. drafted           {drafted.folder / 'issue.md'} ({drafted.articles} articles)")
    say(f"3. built             {made.folder / 'email.html'}")
    say(f"4. written out       {written}")
    say("Open 3 in a browser and 4 (or build/email.eml) in a mail program; edit 2 and run: newsletter build")
    click.echo(target)
