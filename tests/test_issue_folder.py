"""An issue's folder: what is written is read back, what a person wrote stays."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from conftest import files_of
from hypothesis import given
from hypothesis import strategies as st

from newsletter.articles.article import Article, Image
from newsletter.articles.sanitize import sanitize
from newsletter.errors import IssueError
from newsletter.issues.folder import add_articles, read_article, read_issue, read_used, write_issue
from newsletter.issues.ids import issue_ids
from newsletter.issues.issue import Issue

ARTICLES = (
    Article(
        id="https://example.org/tides",
        title='Tides: "high" & low',
        url="https://example.org/tides",
        author="The editors",
        published=datetime(2026, 11, 20, 0, 30, tzinfo=timezone(timedelta(hours=13))),
        summary="They come, they go — twice a day.",
        image=Image("https://example.org/t.jpg", "Water: evening", 1200, 640),
        tags=("Sea", "C++ & co"),
        language="en-GB",
        html="<p>One.</p><h2>Two</h2><ul><li>three</li></ul><pre>a\n\n  b</pre>",
    ),
    Article(id="2", html="<p>A post without a title.</p>"),
)


def an_issue(issue_id: str = "2026-11-23-tides", articles: tuple[Article, ...] = ARTICLES) -> Issue:
    return Issue(
        id=issue_id, subject="Tides: a subject", preheader="#1", date=date(2026, 11, 23), articles=articles
    )


def test_an_issue_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    folder = write_issue(tmp_path / "issues", an_issue(), root=tmp_path).folder
    read = read_issue(folder)
    assert (read.subject, read.preheader, read.date, read.title) == (
        "Tides: a subject",
        "#1",
        date(2026, 11, 23),
        "Tides: a subject",
    )
    for before, after in zip(ARTICLES, read.articles, strict=True):
        assert after.html.replace("\n", "") == before.html.replace("\n", "")
        assert (after.id, after.title, after.url, after.author, after.published) == (
            before.id,
            before.title,
            before.url,
            before.author,
            before.published,
        )
        assert (after.summary, after.image, after.tags, after.language) == (
            before.summary,
            before.image,
            before.tags,
            before.language,
        )
    assert read.articles[0].published is not None
    assert read.articles[0].published.date() == date(2026, 11, 20), "the day is the author's, not Greenwich's"
    assert sorted(files_of(folder)) == [
        "articles/01-tides-high-low.html",
        "articles/02-article.html",
        "issue.md",
    ]


@given(
    st.text(),
    st.text(),
    st.text(max_size=200),
    st.lists(st.text(min_size=1).map(str.strip).filter(bool), max_size=3),
)
def test_any_title_summary_and_tags_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, title: str, summary: str, body: str, tags: list[str]
) -> None:
    def writable(text: str) -> str:
        return text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")

    root = tmp_path_factory.mktemp("any")
    html = sanitize(f"<p>{body.replace('<', '&lt;')}</p>")
    article = Article(
        id="1",
        title=writable(title),
        summary=writable(summary),
        tags=tuple(writable(t) for t in tags),
        html=html,
    )
    folder = write_issue(root, an_issue(articles=(article,)), root=root).folder
    (read,) = read_issue(folder).articles
    assert (read.title, read.summary, read.tags) == (article.title, article.summary, article.tags)
    assert read.html.replace("\n", "") == html.replace("\n", "")


def test_pictures_come_along_and_two_of_one_name_stay_two(tmp_path: Path) -> None:
    for name, content in (("a/x.png", b"\x89PNG\r\n\x1a\nA"), ("b/x.png", b"\x89PNG\r\n\x1a\nB")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
    article = Article(
        id="1", image=Image("a/x.png"), html='<p><img src="b/x.png" alt=""><img src="a/x.png" alt=""></p>'
    )
    folder = write_issue(tmp_path / "issues", an_issue(articles=(article,)), root=tmp_path).folder
    (read,) = read_issue(folder).articles
    assert read.image == Image("media/x.png")
    assert "media/x-2.png" in read.html
    assert (folder / "articles/media/x.png").read_bytes().endswith(b"A")
    assert (folder / "articles/media/x-2.png").read_bytes().endswith(b"B")


def test_an_issue_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    folder = write_issue(tmp_path, an_issue(), root=tmp_path).folder
    before = files_of(tmp_path)
    with pytest.raises(IssueError, match="already"):
        write_issue(tmp_path, an_issue(articles=()), root=tmp_path)
    assert files_of(tmp_path) == before
    assert issue_ids(tmp_path) == [folder.name]


def test_a_write_that_fails_leaves_no_issue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, text: str, encoding: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(IssueError, match="No space left"):
        write_issue(tmp_path, an_issue(), root=tmp_path)
    assert list(tmp_path.iterdir()) == []


EDITED = """---
# my own remark
subject: 'Tides'   # another
articles:
  # the lead
  - 01-tides-high-low

  - 02-article
segment: pro
---

Words, and a list:

- 03-not-an-article
"""


def test_added_articles_change_nothing_that_a_person_wrote(tmp_path: Path) -> None:
    folder = write_issue(tmp_path, an_issue(), root=tmp_path).folder
    (folder / "issue.md").write_text(EDITED)
    before = files_of(folder)
    add_articles(folder, [Article(id="3", title="New", html="<p>New.</p>")], root=tmp_path)
    after = files_of(folder)
    assert after["issue.md"].decode() == EDITED.replace("  - 02-article\n", "  - 02-article\n  - 03-new\n")
    assert {name: after[name] for name in before if name != "issue.md"} == {
        name: before[name] for name in before if name != "issue.md"
    }
    assert [article.id for article in read_issue(folder).articles] == [ARTICLES[0].id, "2", "3"]


def test_added_articles_keep_the_line_ends_of_windows(tmp_path: Path) -> None:
    folder = write_issue(tmp_path, an_issue(), root=tmp_path).folder
    (folder / "issue.md").write_bytes(EDITED.replace("\n", "\r\n").encode())
    add_articles(folder, [Article(id="3", title="New")], root=tmp_path)
    assert (folder / "issue.md").read_bytes() == EDITED.replace(
        "  - 02-article\n", "  - 02-article\n  - 03-new\n"
    ).replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    "text", ["---\nsubject: x\narticles: [01-tides-high-low]\n---\n", "---\nsubject: x\n---\n"]
)
def test_a_list_that_cannot_be_added_to_is_an_error_and_nothing_is_written(tmp_path: Path, text: str) -> None:
    folder = write_issue(tmp_path, an_issue(), root=tmp_path).folder
    (folder / "issue.md").write_text(text)
    before = files_of(folder)
    with pytest.raises(IssueError, match="cannot be added to"):
        add_articles(folder, [Article(id="3", title="New")], root=tmp_path)
    assert files_of(folder) == before


def test_an_article_struck_from_the_list_is_still_used(tmp_path: Path) -> None:
    folder = write_issue(tmp_path, an_issue(), root=tmp_path).folder
    (folder / "issue.md").write_text("---\nsubject: x\narticles: [02-article]\n---\n")
    assert [article.id for article, _ in read_used(tmp_path)] == [ARTICLES[0].id, "2"]
    assert [article.id for article in read_issue(folder).articles] == ["2"]


def test_without_a_list_all_articles_come_by_name(tmp_path: Path) -> None:
    folder = write_issue(tmp_path, an_issue(), root=tmp_path).folder
    (folder / "issue.md").write_text("---\nsubject: x\n---\n")
    assert [article.id for article in read_issue(folder).articles] == [ARTICLES[0].id, "2"]


def test_words_before_and_after_the_marker_open_and_close(tmp_path: Path) -> None:
    folder = write_issue(tmp_path, an_issue(), root=tmp_path).folder
    (folder / "issue.md").write_text(
        "---\nsubject: x\n---\n\nGood *morning*.\n\n<!-- articles -->\n\nBye. <script>alert(1)</script>\n"
    )
    read = read_issue(folder)
    assert "<em>morning</em>" in read.opening
    assert "Bye." in read.closing
    assert "script" not in read.closing


def test_an_article_as_markdown_is_read_too_and_cannot_bring_a_script(tmp_path: Path) -> None:
    path = tmp_path / "articles" / "01-own.md"
    path.parent.mkdir()
    path.write_text(
        "---\ntitle: Own\n---\n\n# Head\n\nText <img src=x onerror=alert(1)> [link](javascript:alert(1)).\n"
    )
    article = read_article(path)
    assert "onerror" not in article.html
    assert 'href="javascript' not in article.html
    assert "Text" in article.html


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "---\nsubject: x\narticles: [01-tide-high-low]\n---\n",
            "no article '01-tide-high-low'.*did you mean '01-tides-high-low'",
            "strike",
        ),
        ("---\nsubject: x\narticles: [02-article, 02-article]\n---\n", "the same id '2'", "strike one"),
        ("---\nsubjet: x\n---\n", "unknown key 'subjet', did you mean 'subject'", "known: "),
        ("---\npreheader: x\n---\n", "no subject", "subject:"),
        ("---\nsubject: [a, b]\n---\n", "must be text", "quotes"),
        ("---\nsubject: x\ndate: soon\n---\n", "not a date", "2024-01-31"),
        ("---\nsubject: x\n", "no closing ---", "---"),
        ("---\nsubject: Tides: a story\n---\n", "colon", "quotes"),
        ("\udcff", "UTF-8", "UTF-8"),
    ],
)
def test_a_mistake_in_issue_md_names_place_and_remedy(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    folder = write_issue(tmp_path, an_issue(), root=tmp_path).folder
    (folder / "issue.md").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(IssueError, match=message) as caught:
        read_issue(folder)
    assert "issue.md:" in caught.value.where
    assert hint in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("published: yesterday", "not a date"),
        ("image: [a]", "image must be"),
        ("image: {url: a.jpg, width: wide}", "whole numbers"),
        ("title: [x]", "must be text"),
        ("tags: [[x]]", "list of texts"),
    ],
)
def test_a_wrong_type_in_an_article_names_the_file_and_line(tmp_path: Path, field: str, message: str) -> None:
    folder = write_issue(tmp_path, an_issue(), root=tmp_path).folder
    (folder / "articles" / "02-article.html").write_text(f"---\nid: '2'\n{field}\n---\n\n<p>x</p>\n")
    with pytest.raises(IssueError, match=message) as caught:
        read_issue(folder)
    assert caught.value.where.endswith("02-article.html:3")


def test_a_picture_outside_the_folder_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    root = tmp_path / "letter"
    root.mkdir()
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    article = Article(id="1", html='<p>x<img src="../secret.png" alt=""><img src="link.png" alt=""></p>')
    folder = write_issue(root / "issues", an_issue(articles=(article,)), root=root).folder
    assert not (folder / "articles" / "media").exists()
    assert "secret" not in read_issue(folder).articles[0].html


def test_a_day_without_a_date_in_the_id_must_be_given(tmp_path: Path) -> None:
    folder = write_issue(tmp_path, an_issue("autumn"), root=tmp_path).folder
    with pytest.raises(IssueError, match="no date"):
        read_issue(folder)
    text = (folder / "issue.md").read_text()
    (folder / "issue.md").write_text(text.replace("subject:", "date: 2026-10-01\nsubject:", 1))
    assert read_issue(folder).date == date(2026, 10, 1)
