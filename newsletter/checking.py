"""An issue is checked: the subject of the checks is gathered, the checks are asked, their findings settled.

What the checks look at is the email of the reader with the longest data, with the files in which its pieces are written.
An issue with errors is refused before it is sent.  Reads those files and, only with `online`, the web; writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

from newsletter.articles.fetch import Fetcher
from newsletter.checks import spam as spam_check
from newsletter.checks.check import CODES, Checked, check, meant, settled
from newsletter.checks.formats import as_text
from newsletter.checks.online import check_online
from newsletter.checks.shares import estimated_shares, known_shares
from newsletter.checks.size import weights
from newsletter.checks.subject import Limits, SourceFile, Sources, Subject
from newsletter.config import CONFIG_NAME, Config
from newsletter.errors import RefusedIssue, UsageError
from newsletter.issues.folder import TEXT_FILE, article_paths
from newsletter.issues.ids import ISSUE_FILE, issue_ids
from newsletter.render.build import Masthead
from newsletter.subscribers.address import Mailbox, parse_mailbox
from newsletter.variant import Variant

#: The reader with the longest data: what is short enough for this one is short enough for all.
LONGEST_READER = (
    "Maximiliane-Konstantina Wolfeschlegelsteinhausen "
    "<maximiliane-konstantina.wolfeschlegelsteinhausen@post.example.com>"
)
_LONGEST_WORDS = "Wolfeschlegelsteinhausenbergerdorff"
#: For all addresses together, in seconds.
ONLINE_SECONDS = 30.0
_NO_DOMAINS: Mapping[str, int] = MappingProxyType({})


def longest_reader() -> Mailbox:
    """The mailbox of the reader with the longest data."""
    return parse_mailbox(LONGEST_READER)


def check_variant(
    variant: Variant,
    masthead: Masthead,
    config: Config,
    *,
    root: Path,
    values: Mapping[str, str],
    message: bytes,
    today: date,
    domains: Mapping[str, int] = _NO_DOMAINS,
    fetcher: Fetcher | None = None,
    spam: bool = False,
) -> Checked:
    """What is wrong with `variant`, whose `message` to the longest reader has `values`.

    `domains` says how many readers have their mailbox where: which clients they use is estimated from it, unless the
    publication says so itself.  With a `fetcher` links and pictures are visited, with `spam` SpamAssassin is asked.  Raises
    ConfigError or IssueError, if a level, a client or a waiver names nothing that there is.
    """
    where = str(root / CONFIG_NAME)
    shares = known_shares(config.clients, where=where) or estimated_shares(domains)
    subject = _subject(variant, masthead, config, root, values, message, today, shares)
    findings = list(check(subject))
    if fetcher:
        findings += check_online(subject, fetcher, seconds=ONLINE_SECONDS)
    if spam:
        findings += spam_check.check(subject)
    return settled(findings, subject, config.levels, where=where)


def refuse_errors(checked: Checked, despite: Collection[str] = ()) -> None:
    """Keeps an issue with errors from being sent; the codes in `despite` are sent all the same.

    Raises RefusedIssue, if there are others, with each finding and the remedy; UsageError, if there is no check of a code
    in `despite`.
    """
    for code in despite:
        if code not in CODES:
            raise UsageError(
                f"there is no check {code}{meant(code)}", hint="newsletter check names the codes"
            )
    errors = [finding for finding in checked.errors if finding.code not in despite]
    if not errors:
        return
    codes = " ".join(f"--despite {code}" for code in dict.fromkeys(finding.code for finding in errors))
    count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    raise RefusedIssue(
        f"the issue has {count}",
        excerpt=as_text(errors),
        hint=f"mend the issue, waive a code with the reason why in its front matter, or send it with {codes}",
    )


def weigh_variant(
    variant: Variant,
    masthead: Masthead,
    config: Config,
    *,
    root: Path,
    values: Mapping[str, str],
    message: bytes,
    today: date,
) -> dict[str, int]:
    """How many octets of the HTML of `variant` each article takes, by its id, the heaviest first."""
    return weights(_subject(variant, masthead, config, root, values, message, today, {}))


def _subject(
    variant: Variant,
    masthead: Masthead,
    config: Config,
    root: Path,
    values: Mapping[str, str],
    message: bytes,
    today: date,
    shares: Mapping[str, float],
) -> Subject:
    email, issue = variant.email, variant.issue
    slots = [slot for part in (email.subject, email.html, email.text) for slot in part.slots]
    data = {slot.field.name: _LONGEST_WORDS for slot in slots} | dict(values)
    return Subject(
        issue=issue,
        theme=variant.theme,
        masthead=masthead,
        email=email,
        html=email.html.fill(data),
        text=email.text.fill(data),
        subject=email.subject.fill(data),
        message=message,
        sources=sources_of(variant, root),
        today=today,
        pictures=variant.pictures,
        earlier=_earlier(root / "issues", issue.id),
        limits=Limits(**config.limits),
        shares=shares,
        sender=config.sender,
        reply_to=config.reply_to,
    )


def sources_of(variant: Variant, root: Path) -> Sources:
    """The files in which the pieces of `variant` are written, by paths from `root`."""
    folder = root / "issues" / variant.issue.id
    listed = {article.id for article in variant.issue.articles}
    paths = [(folder / ISSUE_FILE, "")]
    paths += [(path, id_) for id_, path in article_paths(folder).items() if id_ in listed]
    files = [SourceFile(str(path.relative_to(root)), _text(path), id_) for path, id_ in paths]
    if (folder / TEXT_FILE).is_file():
        files.append(SourceFile(str((folder / TEXT_FILE).relative_to(root)), _text(folder / TEXT_FILE)))
    files += [SourceFile(_from(root, file.path), file.text) for file in variant.theme.files]
    files.append(SourceFile(CONFIG_NAME, _text(root / CONFIG_NAME)))
    return Sources(tuple(files))


def _text(path: Path) -> str:
    return path.read_text("utf-8-sig", errors="replace")


def _from(root: Path, path: str) -> str:
    return str(Path(path).relative_to(root)) if Path(path).is_relative_to(root) else path


def _earlier(issues: Path, issue_id: str) -> dict[str, str]:
    """The articles of the issues before this one, and the last in which each was."""
    before = [name for name in issue_ids(issues) if name < issue_id]
    return {article_id: name for name in before for article_id in article_paths(issues / name)}
