"""The whole way in one process: draft, build, test message; and what a failure leaves behind."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import mailbox
import re
import socket
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import dkim
import lxml.html
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from conftest import SHARED_FEEDS, files_of, set_key
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from picture_files import png

from newsletter.articles.article import text_of
from newsletter.errors import (
    ConfigError,
    IssueError,
    NewsletterError,
    NothingNew,
    SourceError,
    ThemeError,
    UsageError,
)
from newsletter.publication import OUTPUTS, Publication

DAY = date(2026, 11, 23)
MakeLetter = Callable[..., Publication]


def test_the_sample_becomes_an_issue_and_an_email(sample: Publication) -> None:
    drafted = sample.draft(today=DAY)
    assert drafted.articles == 4
    assert drafted.issue_id == "2026-11-23-how-to-read-a-tide-table-without-getting-your"
    built = sample.build()
    assert sorted(path.name for path in built.folder.iterdir()) == sorted(OUTPUTS)
    html = (built.folder / "email.html").read_text()
    text = (built.folder / "email.txt").read_text()
    for article in sample.read_issue().articles:
        assert article.title in html
        assert article.title.split()[0] in text
    page = lxml.html.document_fromstring(html)
    assert [h.tag for h in page.iter("h1")] == ["h1"]
    assert page.get("lang") == "en"
    assert not re.search(r"NLM|NLB|\{\{|\{%", html + text)


def test_a_second_build_is_byte_identical_and_so_is_one_elsewhere(
    sample: Publication, tmp_path: Path
) -> None:
    from newsletter.sample import make_publication

    sample.draft(today=DAY)
    first = files_of(sample.build().folder)
    assert files_of(sample.build().folder) == first
    make_publication(tmp_path / "other", "digest")
    other = Publication.open(tmp_path / "other")
    other.draft(today=DAY)
    again = files_of(other.build().folder)
    del first["report.json"], again["report.json"]  # the one file that holds timings
    assert again == first


def test_the_report_says_sizes_timings_and_digest(sample: Publication) -> None:
    sample.draft(today=DAY)
    built = sample.build()
    report = json.loads((built.folder / "report.json").read_text())
    for name, size in report["size_bytes"].items():
        assert (built.folder / name).stat().st_size == size
    assert report["digest"] == built.email.digest
    assert {"read", "jinja2", "mjml", "premailer", "text", "total"} <= report["timings_ms"].keys()
    assert "unsubscribe_url" in report["merge_fields"]


def test_the_message_opens_in_a_mail_program(sample: Publication) -> None:
    sample.draft(today=DAY)
    built = sample.build()
    message = email.message_from_bytes((built.folder / "email.eml").read_bytes(), policy=email.policy.default)
    assert message.get_content_type() == "multipart/alternative"
    text, rich = message.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert rich.get_content_type() == "multipart/related"
    html, *pictures = rich.iter_parts()
    assert html.get_content_type() == "text/html"
    assert html.get_content().replace("\r\n", "\n").strip().endswith("</html>")
    cids = set(re.findall(r'src="cid:([^"]+)"', html.get_content()))
    assert {picture["Content-ID"].strip("<>") for picture in pictures} == cids
    assert len(cids) == 2
    assert {picture.get_content_type() for picture in pictures} == {"image/jpeg"}
    assert message["Subject"] == sample.read_issue().subject
    assert not message.defects


def test_the_files_show_the_pictures_that_lie_beside_them(sample: Publication) -> None:
    sample.draft(today=DAY)
    built = sample.build()
    for name in ("email.html", "web.html"):
        page = lxml.html.document_fromstring((built.folder / name).read_text())
        sources = [image.get("src") for image in page.iter("img")]
        assert len(sources) == 2
        assert all((built.folder / source).is_file() for source in sources)


def test_the_web_page_holds_nothing_of_a_recipient(sample: Publication) -> None:
    sample.draft(today=DAY)
    web = (sample.build().folder / "web.html").read_text()
    assert "nsubscribe" not in web
    assert "reader@example.com" not in web
    assert "email only" not in web
    assert "How to read a tide table" in web


def test_drafting_again_finds_nothing_new_and_touches_nothing(sample: Publication) -> None:
    drafted = sample.draft(today=DAY)
    (drafted.folder / "issue.md").write_text((drafted.folder / "issue.md").read_text() + "\nMy own words.\n")
    before = files_of(sample.issues)
    with pytest.raises(NothingNew, match="nothing new: 4 posts read") as caught:
        sample.draft(today=DAY)
    assert caught.value.exit_code == 1
    assert files_of(sample.issues) == before


def test_a_folder_of_which_nothing_can_be_read_says_why(make_letter: MakeLetter) -> None:
    letter = make_letter({"a.md": "---\ntitle: Tides: a story\n---\n\nWords.\n"})
    with pytest.raises(SourceError, match="no post could be read") as caught:
        letter.draft(today=DAY)
    assert "a.md" in caught.value.hint
    assert not letter.issues.exists()


def test_a_new_post_makes_a_second_issue_or_joins_the_first(sample: Publication) -> None:
    first = sample.draft(today=DAY)
    (sample.root / "posts" / "new.md").write_text(
        "---\ntitle: Something new\ndate: 2026-11-22\n---\nWords.\n"
    )
    second = sample.draft(today=DAY)
    assert (second.issue_id, second.articles) == ("2026-11-23-something-new", 1)
    (sample.root / "posts" / "newer.md").write_text(
        "---\ntitle: Something newer\ndate: 2026-11-22\n---\nOther words.\n"
    )
    third = sample.draft(today=DAY, issue_id=first.issue_id)
    assert third.folder == first.folder
    assert sample.read_issue(first.issue_id).articles[-1].title == "Something newer"
    assert [path.name for path in sample.issues.iterdir() if path.name.startswith(".")] == []


def test_a_renamed_or_moved_post_is_not_new(sample: Publication) -> None:
    sample.draft(today=DAY)
    posts = sample.root / "posts"
    (posts / "2026-11-12-six-words-for-rain.md").rename(posts / "rain.md")
    with pytest.raises(NothingNew):
        sample.draft(today=DAY)


def test_a_single_post_becomes_a_letter_with_its_title_as_the_headline(make_letter: MakeLetter) -> None:
    letter = make_letter(
        {
            "one.md": "---\ntitle: One thing\nauthor: The editors\ndate: 2026-11-20\n---\n\n## Part\n\nWords.\n\n### Deeper\n\nMore.\n"
        }
    )
    letter.draft(today=DAY)
    page = lxml.html.document_fromstring((letter.build().folder / "email.html").read_text())
    headings = [(h.tag, h.text_content()) for h in page.iter("h1", "h2", "h3", "h4")]
    assert headings == [("h1", "One thing"), ("h2", "Part"), ("h3", "Deeper")]


def test_an_issue_with_its_own_title_keeps_the_order_of_headings(sample: Publication) -> None:
    drafted = sample.draft(today=DAY)
    path = drafted.folder / "issue.md"
    path.write_text(
        path.read_text().replace("preheader:", "title: What the water knows\npreheader:", 1)
        + '\nGood morning {{ subscriber.first_name | fallback("reader") }}.\n'
    )
    built = sample.build()
    page = lxml.html.document_fromstring((built.folder / "email.html").read_text())
    levels = [int(h.tag[1]) for h in page.iter("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert "Good morning reader." in (built.folder / "email.html").read_text()
    assert "Good morning reader." in (built.folder / "email.txt").read_text()
    assert "subscriber.first_name" in json.loads((built.folder / "report.json").read_text())["merge_fields"]


def test_a_post_cannot_be_a_template_and_cannot_forge_a_merge_field(make_letter: MakeLetter) -> None:
    body = "Sum {{ 7 * 7 }} {% raw %} {{ unsubscribe_url }} NLM0Z0zunsubscribe_urlQ NLB0Z0Q {{ subscriber.email }}"
    letter = make_letter(
        {"a.md": f"---\ntitle: 'T {{{{ 7*7 }}}} NLM0Z0zunsubscribe_urlQ'\ndate: 2026-11-20\n---\n\n{body}\n"}
    )
    letter.draft(today=DAY)
    html = (letter.build().folder / "email.html").read_text()
    assert "{{ 7 * 7 }}" in html
    assert "NLM0Z0zunsubscribe_urlQ NLB0Z0Q" in html
    assert "T {{ 7*7 }} NLM0Z0zunsubscribe_urlQ" in html
    assert "49" not in text_of(html.split("</head>")[1]).replace("2026", "")


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "issue.mjml",
            "<mjml><mj-body>{{ artcles }}</mj-body></mjml>",
            r"issue\.mjml:1: .*artcles.*undefined",
        ),
        (
            "issue.mjml",
            "<mjml lang='en'>\n<mj-body>\n<mj-sectoin></mj-sectoin></mj-body></mjml>",
            r"issue\.mjml:3: .*mj-sectoin",
        ),
        ("issue.mjml", "<mjml>\n{% if %}", r"issue\.mjml:2"),
        ("text.txt", "{{ issue.titel }}", r"text\.txt:1: .*titel"),
        ("inline.css", '.post p { color: red;\n}\n.post a[href*=","] { color: blue }', r"inline\.css:3"),
    ],
)
def test_a_broken_theme_names_its_file_and_leaves_the_previous_build(
    sample: Publication, file: str, text: str, message: str
) -> None:
    sample.draft(today=DAY)
    built = files_of(sample.build().folder)
    (sample.root / "templates" / "digest" / file).write_text(text)
    with pytest.raises(ThemeError) as caught:
        sample.build()
    assert re.search(message, str(caught.value)), str(caught.value)
    assert caught.value.hint or caught.value.excerpt
    folder = sample.issues / sample.issue_id() / "build"
    assert files_of(folder) == built
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_a_disk_that_is_full_leaves_the_previous_build(
    sample: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafted = sample.draft(today=DAY)
    built = files_of(sample.build().folder)
    path = drafted.folder / "issue.md"
    path.write_text(path.read_text().replace("subject:", "title: Changed\nsubject:", 1))

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(IssueError, match="No space left"):
        sample.build()
    assert files_of(drafted.folder / "build") == built


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("2026-11-23-how-to-raed-a-tide-table-without-getting-your", "did you mean"),
        ("nothing", "issues:"),
    ],
)
def test_an_issue_that_is_not_there_is_an_error_with_the_nearest(
    sample: Publication, name: str, hint: str
) -> None:
    sample.draft(today=DAY)
    with pytest.raises(IssueError) as caught:
        sample.build(name)
    assert hint in str(caught.value)


def test_without_an_issue_build_says_how_to_make_one(sample: Publication) -> None:
    with pytest.raises(IssueError, match="no issue yet") as caught:
        sample.build()
    assert caught.value.hint == "make one with: newsletter draft"


def test_without_a_server_test_messages_go_into_the_outbox(sample: Publication) -> None:
    sample.draft(today=DAY)
    sent = sample.send_test(sample.build(), ["one@example.com", "Two <two@example.com>"])
    assert len(sent) == 2
    box = mailbox.Maildir(sample.root / "outbox", create=False)
    assert sorted(str(message["To"]) for message in box) == ["Two <two@example.com>", "one@example.com"]
    for message in box:
        assert str(message["Subject"]).startswith("[Test] ")
        assert message["List-Unsubscribe"].startswith("<mailto:editors@example.com?subject=unsubscribe")


def test_a_test_message_is_signed_if_there_is_a_key(sample: Publication) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (sample.root / "dkim.pem").write_bytes(pem)
    (sample.root / ".env").write_text("DKIM_PRIVATE_KEY_FILE=dkim.pem\n")
    with (sample.root / "newsletter.toml").open("a") as settings:
        settings.write('\n[dkim]\nselector = "news"\n')
    publication = Publication.open(sample.root)
    publication.draft(today=DAY)
    (path,) = publication.send_test(publication.build(), ["one@example.com"])
    public = base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def record(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"news._domainkey.example.com."
        return b"v=DKIM1; k=ed25519; p=" + public

    assert dkim.verify(Path(path).read_bytes(), dnsfunc=record)


class Sink:
    def __init__(self) -> None:
        self.taken: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.taken.append(envelope)
        return "250 OK"


def test_with_a_server_test_messages_go_over_the_wire(sample: Publication) -> None:
    sink = Sink()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(sink, hostname="127.0.0.1", port=port)
    server.start()
    try:
        (sample.root / ".env").write_text(f"SMTP_URL=smtp://127.0.0.1:{port}\n")
        publication = Publication.open(sample.root)
        publication.draft(today=DAY)
        sent = publication.send_test(
            publication.build(),
            ["one@example.com", "two@example.com"],
            now=datetime(2026, 11, 23, 9, tzinfo=UTC),
        )
    finally:
        server.stop()
    assert len(sent) == 2
    assert [envelope.rcpt_tos for envelope in sink.taken] == [["one@example.com"], ["two@example.com"]]
    for envelope in sink.taken:
        assert envelope.mail_from == "letter@example.com"
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert message["Date"] == "Mon, 23 Nov 2026 09:00:00 +0000"
    assert not (sample.root / "outbox").exists()


def test_one_wrong_address_and_nothing_is_sent(sample: Publication) -> None:
    sample.draft(today=DAY)
    with pytest.raises(NewsletterError):
        sample.send_test(sample.build(), ["one@example.com", "two@@example.com"])
    assert not (sample.root / "outbox").exists()


@pytest.mark.parametrize("text", ["letter", "a@b@c", "Letter <>", "x\r\nBcc: y@example.com"])
def test_a_sender_that_is_no_mailbox_names_newsletter_toml(make_letter: MakeLetter, text: str) -> None:
    letter = make_letter({})
    path = letter.root / "newsletter.toml"
    path.write_text(path.read_text().replace("Letter <letter@example.com>", text.replace("\r\n", "\\r\\n")))
    with pytest.raises(ConfigError, match="from"):
        _ = Publication.open(letter.root).sender


def test_an_id_that_is_unsafe_is_refused(sample: Publication) -> None:
    with pytest.raises(UsageError, match="cannot be an issue's id"):
        sample.draft(issue_id="../x")


def test_an_issue_in_arabic_runs_from_right_to_left(make_letter: MakeLetter) -> None:
    letter = make_letter(
        {"a.md": "---\ntitle: كيف تقرأ البحر\ndate: 2026-11-20\n---\n\nالماء يرتفع.\n"}, 'language = "ar"\n'
    )
    letter.draft(today=DAY)
    page = lxml.html.document_fromstring((letter.build().folder / "email.html").read_text())
    assert (page.get("lang"), page.get("dir")) == ("ar", "rtl")


def test_an_empty_issue_and_one_of_25_articles_build(make_letter: MakeLetter) -> None:
    letter = make_letter(
        {
            f"{n}.md": f"---\ntitle: Post {n}\ndate: 2026-10-{n + 1:02d}\n---\n\nWords of {n}.\n"
            for n in range(25)
        }
    )
    drafted = letter.draft(today=DAY, most=25)
    assert "Post 24" in (letter.build().folder / "email.txt").read_text()
    path = drafted.folder / "issue.md"
    path.write_text("---\nsubject: Only words\narticles: []\n---\n\nNo posts today.\n")
    assert "No posts today." in (letter.build().folder / "email.html").read_text()


def long_posts(number: int, words: int = 1200) -> dict[str, str]:
    """Posts with an address, each of about 7 kB."""
    head = "---\ntitle: Post {0}\npermalink: https://example.com/{0}\ndate: 2026-11-{0:02d}\n---\n\n"
    body = "\n\n".join(["The tide comes in and goes out again, twice a day, whatever we do."] * (words // 12))
    return {f"{n:02d}.md": head.format(n) + body for n in range(1, number + 1)}


def test_a_digest_of_ten_is_a_lead_cards_and_a_list(make_letter: MakeLetter) -> None:
    letter = make_letter(long_posts(10))
    letter.draft(today=DAY)
    built = letter.build()
    assert list(built.report["shows"].values()) == ["excerpt"] * 5 + ["title"] * 5  # type: ignore[attr-defined]
    html = (built.folder / "email.html").read_text()
    assert html.count("Read more") == 5
    assert "Also in this issue" in html
    assert len(html.encode()) <= 60_000
    assert not built.notes


def test_the_editor_says_how_much_of_the_articles_is_shown(make_letter: MakeLetter) -> None:
    letter = make_letter(long_posts(4))
    drafted = letter.draft(today=DAY)
    set_key(drafted.folder, "show: title")
    first = sorted(path.name for path in (drafted.folder / "articles").iterdir())[0]
    set_key(drafted.folder, "show: full", file=f"articles/{first}")
    built = letter.build()
    assert list(built.report["shows"].values()) == ["full", "title", "title", "title"]  # type: ignore[attr-defined]
    text = (built.folder / "email.txt").read_text()
    assert text.count("The tide comes in") == 100
    assert text.count("Read it on the web: ") == 1
    assert text.count("Read more: ") == 3


@pytest.mark.parametrize(
    ("line", "message"), [("show: fulll", "did you mean 'full'"), ("fit: perhaps", "must be true or false")]
)
def test_a_wrong_word_on_how_much_is_shown_is_named(make_letter: MakeLetter, line: str, message: str) -> None:
    letter = make_letter(long_posts(2))
    set_key(letter.draft(today=DAY).folder, line)
    with pytest.raises(IssueError, match=message) as caught:
        letter.build()
    assert caught.value.where.endswith("issue.md:2")


def test_an_issue_that_gmail_would_clip_is_shortened_from_its_end_when_asked(make_letter: MakeLetter) -> None:
    letter = make_letter(long_posts(16))
    drafted = letter.draft(today=DAY, most=20)
    set_key(drafted.folder, "show: full")
    clipped = letter.build()
    (note,) = clipped.notes
    assert "fit: true" in note
    assert len((clipped.folder / "email.html").read_bytes()) > 102_000
    set_key(drafted.folder, "fit: true")
    built = letter.build()
    html = email.message_from_bytes((built.folder / "email.eml").read_bytes(), policy=email.policy.default)
    part = html.get_body(("html",))
    assert part is not None
    assert 80_000 < len(str(part.get_payload()).encode()) < 100_000
    shows = list(built.report["shows"].values())  # type: ignore[attr-defined]
    assert shows == sorted(shows, key=["full", "excerpt", "title"].index)
    assert shows[0] == "full"
    assert len(built.notes) == sum(show != "full" for show in shows)
    assert all("so that Gmail does not clip" in note for note in built.notes)


def test_a_post_without_an_address_is_shown_in_full_because_it_is_nowhere_else(
    make_letter: MakeLetter,
) -> None:
    posts = {name: text.replace("permalink", "nothing") for name, text in long_posts(3).items()}
    letter = make_letter(posts)
    set_key(letter.draft(today=DAY).folder, "show: title")
    built = letter.build()
    assert set(built.report["shows"].values()) == {"full"}  # type: ignore[attr-defined]


def test_a_variant_is_built_for_an_audience(sample: Publication) -> None:
    drafted = sample.draft(today=DAY)
    template = sample.root / "templates" / "digest" / "issue.mjml"
    template.write_text(
        template.read_text().replace(
            '{% include "footer.mjml" %}',
            '{% if audience("tag:pro") %}<p>Thank you for your support.</p>{% endif %}{% include "footer.mjml" %}',
        )
    )
    plain = sample.build()
    pro = sample.build(audience=["tag:pro"])
    assert plain.email.segments == pro.email.segments == ("tag:pro",)
    assert plain.email.digest != pro.email.digest
    assert "Thank you for your support." in (drafted.folder / "build" / "email.html").read_text()
    assert "Thank you" not in plain.email.web
    assert "Thank you" not in plain.email.html.fill({})


def test_the_editors_own_text_part_stands_instead_of_the_themes(sample: Publication) -> None:
    drafted = sample.draft(today=DAY)
    mine = "Dear {{ subscriber.first_name | fallback('reader') }},\n\nall on the web. {{ x }} Leave: {{ unsubscribe_url }}\n"
    (drafted.folder / "email.txt").write_text(mine)
    text = (sample.build().folder / "email.txt").read_text()
    assert text.startswith("Dear reader,\n\nall on the web. {{ x }} Leave: mailto:")
    assert "tide table" not in text


def test_a_logo_is_embedded_and_another_takes_its_place_in_the_dark(sample: Publication) -> None:
    (sample.root / "media").mkdir()
    for name, blue in (("logo.png", 10), ("dark.png", 200)):
        (sample.root / "media" / name).write_bytes(png(280, 80) + bytes([blue]))
    config = sample.root / "newsletter.toml"
    settings = '\n[themes.digest]\nlogo = "media/logo.png"\nlogo_dark = "media/dark.png"\n'
    config.write_text(config.read_text() + settings)
    letter = Publication.open(sample.root)
    letter.draft(today=DAY)
    built = letter.build()
    html = (built.folder / "email.html").read_text()
    logos = re.findall(r'<img class="logo-(light|dark)" src="([^"]+)" alt="([^"]+)" width="(\d+)"', html)
    assert [(kind, alt, width) for kind, _, alt, width in logos] == [
        ("light", "Tidewater", "140"),
        ("dark", "Tidewater", "140"),
    ]
    assert all((built.folder / source).resolve().is_file() for _, source, _, _ in logos)
    assert html.count(".logo-dark { display: inline-block") == 2  # the reader's system, and Outlook's own
    message = email.message_from_bytes((built.folder / "email.eml").read_bytes(), policy=email.policy.default)
    assert sum(part.get_content_type() == "image/png" for part in message.walk()) == 2


def test_a_logo_that_is_not_there_is_named(sample: Publication) -> None:
    config = sample.root / "newsletter.toml"
    config.write_text(config.read_text() + '\n[themes.digest]\nlogo = "media/gone.png"\n')
    sample.draft(today=DAY)
    with pytest.raises(IssueError, match="the picture cannot be read") as caught:
        Publication.open(sample.root).build()
    assert caught.value.where.endswith("media/gone.png")


def test_with_media_dir_pictures_are_copied_and_linked(sample: Publication) -> None:
    config = sample.root / "newsletter.toml"
    config.write_text(
        'media_dir = "site/media"\nmedia_url = "https://img.example.com/m/"\n' + config.read_text()
    )
    letter = Publication.open(sample.root)
    letter.draft(today=DAY)
    built = letter.build()
    message = email.message_from_bytes((built.folder / "email.eml").read_bytes(), policy=email.policy.default)
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    page = lxml.html.document_fromstring((built.folder / "email.html").read_text())
    sources = [str(image.get("src")) for image in page.iter("img")]
    assert len(sources) == 2
    for source in sources:
        assert source.startswith("https://img.example.com/m/")
        assert (sample.root / "site" / "media" / source.rsplit("/", 1)[1]).is_file()
    before = files_of(sample.root / "site")
    letter.build()
    assert files_of(sample.root / "site") == before


def test_pictures_that_email_programs_do_not_show_are_converted_or_left_out(make_letter: MakeLetter) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    letter = make_letter({"a.md": "---\ntitle: A\n---\n\nWords. ![W](w.webp) ![S](s.svg)\n\nMore words.\n"})
    pillow.new("RGB", (1104, 400), "teal").save(letter.root / "posts" / "w.webp")
    (letter.root / "posts" / "s.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>'
    )
    drafted = letter.draft(today=DAY)
    assert [path.name for path in (drafted.folder / "articles" / "media").iterdir()] == ["w.jpg"]
    assert any("s.svg" in note and "SVG" in note for note in drafted.notes), drafted.notes
    html = (letter.build().folder / "email.html").read_text()
    assert 'width="552"' in html
    assert "svg" not in html


def test_a_post_from_elsewhere_brings_its_pictures(make_letter: MakeLetter, tmp_path: Path) -> None:
    letter = make_letter({})
    (tmp_path / "else" / "img").mkdir(parents=True)
    (tmp_path / "else" / "img" / "a.png").write_bytes(png(600, 300))
    (tmp_path / "secret.png").write_bytes(png(3, 3))
    words = "---\ntitle: Away\n---\n\n![A](img/a.png) ![B](../secret.png)\n\nWords.\n"
    (tmp_path / "else" / "post.md").write_text(words)
    drafted = letter.draft([str(tmp_path / "else" / "post.md")], today=DAY)
    assert [path.name for path in (drafted.folder / "articles" / "media").iterdir()] == ["a.png"]
    assert "a.png" in (letter.build().folder / "email.html").read_text()


def test_the_web_page_says_what_it_is_and_where_the_original_stands(make_letter: MakeLetter) -> None:
    letter = make_letter(long_posts(2), 'base_url = "https://example.com/news"')
    drafted = letter.draft(today=DAY)
    page = lxml.html.document_fromstring((letter.build().folder / "web.html").read_text())
    address = f"https://example.com/news/issues/{drafted.issue_id}/"
    found = {meta.get("property"): meta.get("content") for meta in page.iter("meta") if meta.get("property")}
    assert found["og:title"] == letter.read_issue().title
    assert found["og:url"] == address
    assert found["og:site_name"] == "Letter"
    assert [link.get("href") for link in page.iter("link") if link.get("rel") == "canonical"] == [address]
    email_page = (drafted.folder / "build" / "email.html").read_text()
    assert "og:title" not in email_page
    assert "canonical" not in email_page


def test_the_web_page_of_one_post_names_the_post_as_the_original(make_letter: MakeLetter) -> None:
    letter = make_letter(long_posts(1))
    letter.draft(today=DAY)
    page = lxml.html.document_fromstring((letter.build().folder / "web.html").read_text())
    assert [link.get("href") for link in page.iter("link") if link.get("rel") == "canonical"] == [
        "https://example.com/1"
    ]


@pytest.mark.skipif(not SHARED_FEEDS.is_dir(), reason=f"the real feeds are not here: {SHARED_FEEDS}")
@pytest.mark.parametrize(
    "name", sorted(path.name for path in SHARED_FEEDS.iterdir()) if SHARED_FEEDS.is_dir() else ["absent"]
)
def test_a_real_feed_drafts_and_builds_without_loss_of_text(make_letter: MakeLetter, name: str) -> None:
    letter = make_letter({})
    drafted = letter.draft([str(SHARED_FEEDS / name)], most=1000, today=DAY)
    set_key(drafted.folder, "show: full")
    issue = letter.read_issue()
    built = letter.build()
    html = (built.folder / "email.html").read_text()
    shown = re.sub(r"\s+", "", lxml.html.document_fromstring(html).body.text_content())
    plain = re.sub(r"\s*\[\d+\]|[\s>|]+", "", (built.folder / "email.txt").read_text())
    assert drafted.articles == len(issue.articles) > 0
    for article in issue.articles:
        assert article.html or article.title
        words = lxml.html.fragment_fromstring(article.html or "<p></p>", create_parent="div").text_content()
        for line in filter(None, (re.sub(r"\s+", "", line) for line in words.splitlines())):
            assert line in shown, article.title
        for word in text_of(article.html).split():
            assert re.sub(r"\[\d+\]|[>|]+", "", word) in plain, (article.title, word)
