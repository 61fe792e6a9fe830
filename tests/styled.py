"""Subjects for the checks of styles, size and accessibility: issues in a theme of which single files are others.

Not a test file.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from newsletter.articles.article import Article
from newsletter.articles.sanitize import sanitize
from newsletter.checks.finding import Finding
from newsletter.checks.subject import Limits, SourceFile, Sources, Subject
from newsletter.issues.folder import article_paths
from newsletter.issues.issue import Issue
from newsletter.publication import Publication
from newsletter.render.build import Masthead, build_email
from newsletter.render.images import Picture
from newsletter.render.settings import ThemeFile
from newsletter.render.theme import Theme, read_theme

DAY = date(2026, 11, 23)
GOLDEN = Path(__file__).parent / "golden"
VALUES = {
    "unsubscribe_url": "https://example.com/u",
    "preferences_url": "https://example.com/p",
    "web_url": "https://example.com/w",
}

#: A theme of the fewest files: what is wrong in a test is what the test put in.
PLAIN = {
    "issue.mjml": """<mjml lang="{{ language }}" dir="{{ direction }}">
<mj-head>
<mj-title>{{ issue.title }}</mj-title>
<mj-raw><meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<style data-premailer="ignore">{{ head_css }}</style></mj-raw>
</mj-head>
<mj-body background-color="#fafafa" css-class="page">
<mj-section><mj-column><mj-text font-size="16px" color="#222222">
<h1>{{ issue.title }}</h1>
{{ issue.opening }}
{% for article in articles %}
<h2>{{ article.title }}</h2>
<div class="post">{{ article.body(3) }}</div>
{% endfor %}
</mj-text></mj-column></mj-section>
</mj-body>
</mjml>
""",
    "text.txt": "{{ issue.title }}\n{% for article in articles %}\n{{ article.title }}\n{{ article.text }}\n{% endfor %}",
    "inline.css": ".post p { margin: 0 0 16px; }\n.post a { color: #0b4f8a; }\n",
    "head.css": """@media (prefers-color-scheme: dark) {
.page, .page table, .page td, .page div { background-color: #111111 !important; }
.page div, .page p, .page h1, .page h2, .page td, .page li { color: #eeeeee !important; }
.page a { color: #9fc5ff !important; }
}
""",
}


def plain_theme(**files: str) -> Theme:
    """The plain theme with other `files`: `head_css="..."` for head.css."""
    texts = PLAIN | {name.replace("__", "-").replace("_", "."): text for name, text in files.items()}
    made = tuple(
        ThemeFile(name, f"templates/plain/{name}", text) for name, text in sorted(texts.items()) if text
    )
    return Theme("plain", made, (), (("en", ()),))


def subject_of(
    body: str = "<p>Words about harbours.</p>",
    *,
    theme: Theme | None = None,
    articles: Iterable[Article] | None = None,
    pictures: Mapping[str, Picture] | None = None,
    limits: Limits | None = None,
    message: bytes = b"",
    config: str = 'name = "Letter"\n',
    **fields: Any,
) -> Subject:
    """The subject of an issue with one article of `body`, or with `articles`; `fields` are the issue's."""
    theme = theme or plain_theme()
    if articles is None:
        url = "https://example.com/1"
        articles = (Article("one", "A post about harbours", url, html=sanitize(body, base=url)),)
    issue = Issue("2026-11-23-x", "A subject about harbours", tuple(articles), DAY, title="A title", **fields)
    masthead = Masthead("Letter", "en", "https://example.com", "1 High Street", "editors@example.com")
    files = [
        SourceFile("issues/x/issue.md", f"---\nsubject: S\ntitle: A title\narticles:\n---\n{issue.opening}")
    ]
    files += [
        SourceFile(
            f"issues/x/articles/{article.id}.html",
            f"---\nurl: {article.url}\n---\n{article.html}",
            article.id,
        )
        for article in issue.articles
    ]
    files += [SourceFile(file.path, file.text) for file in theme.files]
    files.append(SourceFile("newsletter.toml", config))
    email = build_email(issue, masthead, theme, pictures or {})
    return Subject(
        issue=issue,
        theme=theme,
        masthead=masthead,
        email=email,
        html=email.html.fill(VALUES),
        text=email.text.fill(VALUES),
        subject=email.subject.fill({}),
        message=message,
        sources=Sources(tuple(files)),
        today=DAY,
        pictures=pictures or {},
        limits=limits or Limits(),
    )


def own_theme(name: str = "digest", **settings: object) -> Theme:
    """A theme of the package with other settings."""
    return read_theme(name, Path("nowhere"), settings)


def golden_subject(name: str, folder: Path) -> Subject:
    """The subject of a golden email, whose publication is copied into `folder`."""
    root = folder / name
    if not root.exists():
        shutil.copytree(GOLDEN / name, root, ignore=shutil.ignore_patterns("expected"))
    publication = Publication.open(root)
    variant = publication.variant()
    paths = article_paths(root / "issues" / variant.issue.id)
    issue_file = root / "issues" / variant.issue.id / "issue.md"
    files = [SourceFile("issue.md", issue_file.read_text("utf-8"))]
    files += [SourceFile(path.name, path.read_text("utf-8"), id_) for id_, path in paths.items()]
    files += [SourceFile(file.path, file.text) for file in variant.theme.files]
    files.append(SourceFile("newsletter.toml", (root / "newsletter.toml").read_text("utf-8")))
    html, text = variant.email.html.fill(VALUES), variant.email.text.fill(VALUES)
    return Subject(
        issue=variant.issue,
        theme=variant.theme,
        masthead=publication.masthead,
        email=variant.email,
        html=html,
        text=text,
        subject=variant.email.subject.fill({}),
        message=html.encode(),
        sources=Sources(tuple(files)),
        today=DAY,
        pictures=variant.pictures,
    )


def codes(findings: Iterable[Finding]) -> list[str]:
    """The codes of `findings`, in their order."""
    return [finding.code for finding in findings]


def places_are_real(subject: Subject, findings: Iterable[Finding]) -> bool:
    """Whether each of `findings` names a source, and a line that it has."""
    lines = {file.path: file.text.count("\n") + 1 for file in subject.sources.files}
    for finding in findings:
        path, _, line = finding.where.rpartition(":")
        if not (finding.where in lines or (path in lines and 1 <= int(line) <= lines[path])):
            return False
    return True
