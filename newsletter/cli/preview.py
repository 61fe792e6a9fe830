"""`preview` and `shots`: an issue as every reader would see it, in the browser or as pictures."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

import click

from newsletter.cli.say import count, say
from newsletter.publication import Publication


@click.command()
@click.argument("issue", default="", metavar="[ISSUE]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="The port on this machine; any free one, if left out.",
)
@click.option("--no-open", is_flag=True, help="Print the address, and open no browser.")
@click.pass_obj
def preview(folder: Path, issue: str, port: int, no_open: bool) -> None:
    """See an issue in the browser, live.

    ISSUE is an id or a path; the newest issue when left out.  Save a file and the email changes, at every width, in the dark,
    through the lens of each mail program, with the findings beside it; as a made-up reader sees it, or a subscriber, by
    address.  Only this machine can open the address; Ctrl-C ends it.

    \b
    newsletter preview
    newsletter preview 2026-11-23-autumn --port 8025 --no-open
    """
    from newsletter.web.preview import serve

    publication = Publication.open(folder)
    issue_id = publication.issue_id(issue) if issue else ""

    def opened(url: str) -> None:
        click.echo(url)
        say("Ctrl-C ends the preview")
        if not no_open:
            webbrowser.open(url)

    serve(publication.root, port=port, issue_id=issue_id, opened=opened)


@click.command()
@click.argument("issue", default="", metavar="[ISSUE]")
@click.option(
    "--width",
    "widths",
    type=click.IntRange(200, 2000),
    multiple=True,
    metavar="N",
    help="In pixels (375 and 600).",
)
@click.option("--dark", is_flag=True, help="Also in the dark.")
@click.option("--forced-dark", is_flag=True, help="Also as a program shows it that exchanges all colours.")
@click.option(
    "--lens",
    "lenses",
    multiple=True,
    metavar="NAME",
    help='As this mail program shows it; "all" for all of them.',
)
@click.option("--images-off", is_flag=True, help="Also without pictures.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Where the pictures go (shots/ISSUE)."
)
@click.option("--sheet", is_flag=True, help="Also one picture of all.")
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Say how much they differ from an earlier set.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 100),
    default=0.1,
    show_default=True,
    metavar="P",
    help="How many per cent of a picture may differ.",
)
@click.pass_obj
def shots(
    folder: Path,
    issue: str,
    widths: tuple[int, ...],
    dark: bool,
    forced_dark: bool,
    lenses: tuple[str, ...],
    images_off: bool,
    out: Path | None,
    sheet: bool,
    against: Path | None,
    threshold: float,
) -> None:
    """Take pictures of an issue.

    ISSUE is an id or a path; the newest issue when left out.  Every combination of the widths, the mail programs (without
    --lens the email as it is), light and dark is a PNG in DIR.  With --against the exit code is 1, if one differs from
    the one of the same name by more than the threshold.  Needs Chromium, and playwright (the extra "screenshots").

    \b
    newsletter shots --dark --sheet
    newsletter shots --width 375 --lens gmail-app --lens outlook-windows --images-off
    newsletter shots --out after --against before
    """
    from newsletter.checks.lens import LENSES
    from newsletter.web.look import Scheme
    from newsletter.web.shots import combined, take
    from newsletter.web.visual import compare

    for name in lenses:
        if name not in LENSES and name != "all":
            raise click.UsageError(f"there is no lens {name!r}: {', '.join(LENSES)}")
    publication = Publication.open(folder)
    issue_id = publication.issue_id(issue)
    schemes = [Scheme.LIGHT] + [Scheme.DARK] * dark + [Scheme.FORCED] * forced_dark
    wanted = combined(
        widths or (375, 600),
        schemes,
        tuple(LENSES) if "all" in lenses else lenses or ("",),
        [True, False] if images_off else [True],
    )
    into = out or publication.root / "shots" / issue_id
    taken = take(publication.root, issue_id, wanted, into, sheet=sheet)
    differences = compare(taken[: len(wanted)], against) if against else []
    for path in taken:
        click.echo(path)
    say(f"{count(len(wanted), 'picture')} of {issue_id}")
    for difference in differences:
        if difference.per_cent is None:
            say(f"{difference.name}: new, there is none in {against}")
        elif difference.shown:
            say(f"{difference.name}: {difference.per_cent:.2f} % differ, see {difference.shown}")
    if any((difference.per_cent or 0) > threshold for difference in differences):
        sys.exit(1)
