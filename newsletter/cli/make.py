"""`draft` and `build`: from posts to an issue, from an issue to an email."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from newsletter.cli.say import count, say, size
from newsletter.publication import Publication


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    metavar="DATE",
    help="Only posts from this day on (UTC); also older than the first issue.",
)
@click.option(
    "--max",
    "most",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most N posts, the newest (10 unless asked).",
)
@click.option(
    "--id", "issue_id", metavar="ID", help="The issue's id; an issue that exists gets the new posts added."
)
@click.pass_obj
def draft(
    folder: Path, sources: tuple[str, ...], since: datetime | None, most: int | None, issue_id: str | None
) -> None:
    """New posts become an issue.

    SOURCE is a feed, a folder of posts, a web page or a text file, by path or URL; "-" is a text pasted into the
    standard input.  Without one, the sources in newsletter.toml are read.  A post that is in an earlier issue is not
    new.  The issue is a folder to edit: issue.md has the subject, the order and your own words.

    \b
    newsletter draft
    newsletter draft https://example.com/feed.xml --max 3
    newsletter draft ~/posts --since 2026-11-01 --id 2026-11-23-autumn
    pbpaste | newsletter draft -
    """
    publication = Publication.open(folder)
    paste = ""
    if "-" in sources:
        if len(sources) > 1:
            raise click.UsageError('"-" stands alone')
        paste = sys.stdin.read()
        if not paste.strip():
            raise click.UsageError("nothing was pasted into the standard input")
    drafted = publication.draft(
        () if paste else sources,
        paste=paste,
        since=since and since.replace(tzinfo=UTC),
        most=most,
        issue_id=issue_id or "",
    )
    for note in drafted.notes:
        say(f"note: {note}")
    left = f"; {count(drafted.left, 'more new post')} left for the next" if drafted.left else ""
    older = f"; {count(drafted.older, 'older post')} left out (--since takes them)" if drafted.older else ""
    say(f"{count(drafted.articles, 'article')} in issue {drafted.issue_id}{left}{older}")
    say(f"edit {drafted.folder / 'issue.md'}, then: newsletter build")
    click.echo(drafted.folder)


@click.command()
@click.argument("issue", default="", metavar="[ISSUE]")
@click.option(
    "--audience", multiple=True, metavar="SEGMENT", help="Build the variant for these (repeatable)."
)
@click.pass_obj
def build(folder: Path, issue: str, audience: tuple[str, ...]) -> None:
    """An issue becomes an email.

    ISSUE is an id or a path; the newest issue when left out.  Into its folder build/ go email.html, email.txt,
    email.eml (opens in a mail program), web.html and report.json.  The same files give the same bytes again; a build
    that fails leaves the previous one as it was.

    \b
    newsletter build
    newsletter build 2026-11-23-autumn
    newsletter build --audience tag:pro

    The merge fields in build/ are those of a sample reader; send --test and the preview show the issue as somebody on
    the list would get it.
    """
    made = Publication.open(folder).build(issue, audience=audience)
    sizes = made.report["size_bytes"]
    timings = made.report["timings_ms"]
    assert isinstance(sizes, dict)
    assert isinstance(timings, dict)
    for note in made.notes:
        say(f"note: {note}")
    others = [segment for segment in made.email.segments if segment not in audience]
    if others:
        say(f"note: another variant for {', '.join(others)}: newsletter build --audience {others[0]}")
    html, text, message = (size(sizes[name]) for name in ("email.html", "email.txt", "email.eml"))
    say(f"{made.issue_id}: HTML {html}, text {text}, message {message} in {timings['total']:.0f} ms")
    click.echo(made.folder / "email.html")
