"""`init` and `demo`: the first minute."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import click

from newsletter.cli.say import count, say
from newsletter.config import find_root
from newsletter.errors import ConfigError, UsageError
from newsletter.publication import Publication
from newsletter.render.theme import PACKAGE_THEMES, read_theme, theme_names
from newsletter.sample import SAMPLE_DAY, SAMPLE_READERS, make_publication


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--theme", default="digest", show_default=True, metavar="NAME", help="The theme to begin with.")
def init(folder: Path, theme: str) -> None:
    """Make a new publication.

    DIR gets newsletter.toml, .env.example, the theme's files and sample posts.  It may be there already, if it holds
    none of these: nothing is overwritten.

    \b
    newsletter init my-letter && cd my-letter && newsletter draft && newsletter preview
    newsletter init my-letter --theme essay
    """
    made = make_publication(folder, theme)
    say(f"made {len(made)} files; next: cd {folder} && newsletter draft && newsletter preview")
    click.echo(folder)


@click.command()
@click.argument("name", required=False, metavar="[THEME]")
@click.pass_obj
def themes(folder: Path, name: str | None) -> None:
    """List the themes, or the settings of one.

    In a publication its own themes are listed, too, and its own values are shown.  A publication changes a setting in
    newsletter.toml, under [themes.THEME], and any file of a theme by one of the same name in templates/THEME/.

    \b
    newsletter themes
    newsletter themes essay
    """
    try:
        root = find_root(folder)
    except ConfigError:
        root = None
    own = root / "templates" if root else PACKAGE_THEMES
    if name is None:
        for theme in (read_theme(known, own) for known in theme_names(own)):
            click.echo(f"{theme.name:<10} {theme.about.description}")
        return
    chosen = Publication.open(root).theme(name) if root else read_theme(name, own)
    values = dict(chosen.settings)
    for setting, kind, default, what in chosen.about.settings:
        changed = "" if values[setting] == default else f" (default {default!r})"
        click.echo(f"{setting:<14} {values[setting]!r}{changed}\n{'':<14} {kind}: {what}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False, metavar="[DIR]")
def demo(folder: Path | None) -> None:
    """See the whole way on sample posts, in a few seconds.

    Makes a publication in DIR (a new temporary folder, if left out), drafts an issue of its sample posts, builds and
    checks it, puts sample readers on the list, and sends it to them: into the outbox.  Nothing leaves the machine,
    whatever mail server or database is set.

    \b
    newsletter demo
    newsletter demo my-demo
    """
    from newsletter.dispatch import Dispatch
    from newsletter.sending.outbox_carrier import Form
    from newsletter.subscribers.subscriber import Consent

    target = folder or Path(tempfile.mkdtemp(prefix="newsletter-demo-")) / "tidewater"
    make_publication(target, "digest")
    publication = Publication.open(target)
    publication.secrets = publication.secrets.without("SMTP_URL", "DATABASE_URL", "SECRET_KEY")
    if publication.known_subscribers is not None:
        hint = "choose a new folder; the demo mails to nobody's list"
        raise UsageError("there is a subscriber list", where=str(target / "newsletter.db"), hint=hint)
    say(f"1. sample posts      {target / 'posts'}")
    drafted = publication.draft(today=SAMPLE_DAY if folder is None else date.today())
    say(f"2. drafted           {drafted.folder / 'issue.md'} ({drafted.articles} articles)")
    made = publication.build(drafted.issue_id)
    say(f"3. built             {made.folder / 'email.html'}")
    checked = publication.check(drafted.issue_id)
    warnings = len(checked.findings) - len(checked.errors)
    say(f"4. checked           {count(len(checked.errors), 'error')}, {count(warnings, 'warning')}")
    for name, address in SAMPLE_READERS.items():
        publication.subscribers.add(address, Consent("by hand", "newsletter demo"), name=name)
    say(f"5. sample readers    {target / 'newsletter.db'} ({len(SAMPLE_READERS)})")
    dispatch = Dispatch(publication)
    campaign_id = dispatch.freeze(dispatch.plan(drafted.issue_id))
    counts = dispatch.deliver(campaign_id, outbox=Form.MAILDIR).campaign.counts
    say(f"6. sent              {counts.accepted} of {counts.audience} into {dispatch.outbox / 'new'}")
    publication.database.close()
    say(
        "Open 3 in a browser, or a file of 6 in a mail program; the same in every width, light and mail program:"
    )
    say(f"    cd {target} && newsletter preview")
    click.echo(target)
