"""`subscribers import`, `export`, `count`: the list comes in, goes out, and is asked a question."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.received import note_unknown
from newsletter.cli.say import count as number_of
from newsletter.cli.say import say
from newsletter.errors import printable
from newsletter.publication import Publication

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.subscribers.imports import Imported, ImportPlan

_REASONS = 5


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--source", required=True, metavar="WORDS", help="How the people agreed; it is kept as their consent."
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="COLUMN=FIELD",
    help='What a column is: email, name, tags, attribute:NAME, number:NAME, "-" for nothing ... (repeatable).',
)
@click.option(
    "--yes", is_flag=True, help="Import without asking; without it and without a terminal, nothing is."
)
@click.option(
    "--resubscribe", default="", metavar="WHY", help="Put those who left or bounced on again, and why."
)
@click.option("--json", "as_json", is_flag=True, help="What became of the rows, as JSON.")
@click.pass_obj
def import_(
    folder: Path, file: Path, source: str, maps: tuple[str, ...], yes: bool, resubscribe: str, as_json: bool
) -> None:
    """Put the people in FILE on the list: CSV, TSV or JSON Lines, or what another program exported.

    Shows what each column is taken for and what would be rejected; then asks, on a terminal, or ends.  Rows that
    cannot be taken go to rejected.csv, with the reason.  Killed or interrupted, it is finished by the same command.
    Nobody who has left, bounced or complained is mailed again; who is suppressed stays off the list.

    \b
    newsletter subscribers import subscribed_members_export.csv --source "sign-up form on our site, 2019-2026"
    newsletter subscribers import fair.csv --source "paper form, summer fair 2026" --map "Ort=attribute:city" --yes
    """
    publication = Publication.open(folder)
    from newsletter.subscribers.imports import check_file, plan_import

    plan = plan_import(file, maps=maps)
    if not yes:
        with _progress("checking", plan.table.size_bytes) as progress:
            checked = check_file(plan, datetime.now(UTC), progress=progress)
        _show(plan)
        say(f"{number_of(checked.rows, 'row')}; {number_of(checked.rejected, 'row')} would be rejected")
        _say_reasons(checked)
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            say("nothing was imported; the same command with --yes does it")
            if as_json:
                click.echo(json.dumps({"imported": False, **_numbers(checked)}))
            sys.exit(0)
        click.confirm(f"import them, with the consent {source!r}?", abort=True, err=True)
    elif sys.stderr.isatty():
        _show(plan)
    with _progress("importing", plan.table.size_bytes) as progress:
        found = publication.subscribers.import_file(
            file, source=source, maps=maps, resubscribe=resubscribe, progress=progress
        )
    say(
        f"{number_of(found.rows, 'row')}: {found.added:,} added, {found.changed:,} changed, "
        f"{found.unchanged:,} known already, {found.repeated:,} repeated, {found.rejected:,} rejected"
    )
    _say_reasons(found)
    if found.rejected_file:
        say(f"mend {found.rejected_file} and import it in turn")
    if as_json:
        click.echo(json.dumps({"imported": True, **_numbers(found)}))


@click.command()
@click.argument("file")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), help="If FILE's name does not say it.")
@click.pass_obj
def export(folder: Path, file: str, form: str | None) -> None:
    """Write everybody to FILE (.csv or .jsonl), or to the standard output ("-", JSON Lines unless said).

    Standings, consent, tags and attributes are in both, the whole history in JSON Lines; an import brings them back.
    The file is readable by its owner alone.

    \b
    newsletter subscribers export list.csv
    newsletter subscribers export - | gzip > list.jsonl.gz
    """
    people = Publication.open(folder).subscribers
    from newsletter.subscribers.exports import export as write
    from newsletter.subscribers.exports import export_to_file

    if file == "-":
        written = write(people.database, sys.stdout.buffer, form or "jsonl")
        sys.stdout.buffer.flush()
    else:
        with _progress("exporting", people.count()) as progress:
            written = export_to_file(
                people.database,
                Path(file),
                form=form or "",
                progress=progress and (lambda done: progress(done, done)),
            )
    say(f"{number_of(written, 'subscriber')} exported")
    if file != "-":
        click.echo(file)


@click.command("count")
@click.argument("segment", default="")
@click.option("--json", "as_json", is_flag=True, help="The numbers as JSON.")
@click.pass_obj
def count_(folder: Path, segment: str, as_json: bool) -> None:
    """How many subscribers there are, or are in SEGMENT, by standing, domain and language.

    \b
    newsletter subscribers count
    newsletter subscribers count 'tag:pro and country in ("CH", "AT") and joined < 30d'
    newsletter subscribers count @swiss --json
    """
    publication = Publication.open(folder)
    census = publication.subscribers.census(segment)
    note_unknown(publication, segment)
    if as_json:
        click.echo(json.dumps(asdict(census)))
        return
    click.echo(f"{number_of(census.total, 'subscriber')}, {census.mailed:,} of them mailed")
    for title, numbers, other in (
        ("standing", census.standings, 0),
        ("domain", census.domains, census.other_domains),
        ("language", census.languages, census.other_languages),
    ):
        rows = [*((value or "(none)", people) for value, people in numbers.items())]
        rows += [("(others)", other)] if other else []
        for at, (value, people) in enumerate(rows):
            click.echo(f"{title if not at else '':<10}{printable(value):<30} {people:>12,}")


def _show(plan: ImportPlan) -> None:
    """The mapping and the first rows, one column of the file in a line."""
    table, layout = plan.table, plan.layout
    kind = (
        "JSON Lines" if table.is_json else {"\t": "tabs", ",": "commas"}.get(table.delimiter, table.delimiter)
    )
    say(f"{table.path.name}: {layout.format or 'a table'}, {table.encoding}, {kind}")
    if layout.standing:
        say(f"all of them {layout.standing}, by the name of the file")
    rows = plan.first_rows()
    width = max(map(len, layout.headers))
    for at, (header, target) in enumerate(zip(layout.headers, layout.targets, strict=True)):
        values = [row[at][:24].replace("\n", " ") for row in rows if at < len(row) and row[at]]
        say(
            f"  {header:<{width}} -> {str(target) if target.field != '-' else '(left out)':<24} {' | '.join(values[:3])}"
        )


def _say_reasons(found: Imported) -> None:
    reasons = sorted(found.reasons.items(), key=lambda pair: -pair[1])
    for reason, times in reasons[:_REASONS]:
        say(f"  {times:,} x {reason}")
    if len(reasons) > _REASONS:
        say(f"  ... and {number_of(len(reasons) - _REASONS, 'other reason')}")


def _numbers(found: Imported) -> dict[str, object]:
    numbers = asdict(found)
    return {**numbers, "rejected_file": str(found.rejected_file) if found.rejected_file else None}


@contextmanager
def _progress(label: str, total: int) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr, told how much of `total` is done; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]:,}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total, rows=0)
        yield lambda done, rows: bar.update(task, completed=done, rows=rows)
