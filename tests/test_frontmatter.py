"""Front matter in every spelling, its traps, the words of its errors, and the way back to a file."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles.dates import parse_date
from newsletter.articles.frontmatter import Format, FrontMatter, split_front_matter, write_front_matter
from newsletter.errors import IssueError, SourceError, WriterError


def read(text: str) -> FrontMatter:
    return split_front_matter(text, where="post.md")


def yaml(head: str) -> FrontMatter:
    return read(f"---\n{head}\n---\nThe words.\n")


# ---- the ways to write it


@pytest.mark.parametrize(
    ("text", "form", "body_line"),
    [
        ("---\ntitle: A bench\ndate: 2024-01-02\n---\nThe words.\n", Format.YAML, 5),
        ("---\ntitle: A bench\ndate: 2024-01-02\n...\n\nThe words.\n", Format.YAML, 6),
        ("\ufeff---\r\ntitle: A bench\r\ndate: 2024-01-02\r\n---\r\nThe words.\r\n", Format.YAML, 5),
        ("\n\n---  \ntitle: 'A bench'\ndate: 2024-01-02 # a Tuesday\n---\t\nThe words.\n", Format.YAML, 7),
        ("---yaml\ntitle: A bench\ndate: 2024-01-02\n---\nThe words.\n", Format.YAML, 5),
        ("+++\ntitle = 'A bench'\ndate = 2024-01-02\n+++\n\nThe words.\n", Format.TOML, 6),
        ('{\n  "title": "A bench",\n  "date": "2024-01-02"\n}\nThe words.\n', Format.JSON, 5),
        ("Title: A bench\nDate: 2024-01-02\n\nThe words.\n", Format.LINES, 4),
        ("title: A\n  bench\ndate: 2024-01-02\n\nThe words.\n", Format.LINES, 5),
    ],
)
def test_every_spelling_gives_the_same_fields_and_the_same_body(
    text: str, form: Format, body_line: int
) -> None:
    front = read(text)
    assert (front.format, front.body, front.body_line) == (form, "The words.\n", body_line)
    assert (front.text("title"), front.when("date")) == ("A bench", datetime(2024, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "---",
        "---\n",
        "Just words.\n",
        "---\n\nA rule above: and a colon in the words.\n\n---\n\nMore.\n",
        "---\nSome words between two rules\n---\nMore.\n",
        "---\n# A heading\n\n---\nMore.\n",
        "---\n- a list\n- between rules\n---\n",
        "---\nDear reader: welcome\nto a page without fields\n---\n",
        "----\ntitle: x\n----\n",
        "    ---\n    title: in code\n    ---\n",
        "{{< youtube abc >}}\n\nWords.\n",
        "{% raw %}\nWords.\n",
        "{: .class}\nWords.\n",
        "Note: this is prose.\n\nWords.\n",
        "One: yes\nTwo: no\nOne: yes\n\nA dialogue.\n",
        "Title: A bench\nand its river, without an empty line between.\n",
    ],
)
def test_a_text_without_front_matter_is_all_body(text: str) -> None:
    front = read(text)
    assert (front.format, front.fields, front.body, front.body_line) == (Format.NONE, {}, text, 1)


def test_empty_front_matter_is_front_matter() -> None:
    assert (yaml("").format, yaml("").body) == (Format.YAML, "The words.\n")


def test_only_one_empty_line_after_the_fence_goes() -> None:
    assert read("---\na: b\n---\n\n\n    code\n").body == "\n    code\n"


# ---- what the fields mean


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("no", "no"),
        ("1984", "1984"),
        ("007", "007"),
        ("1.10", "1.10"),
        ("12:30:15", "12:30:15"),
        ("2024-01-02", "2024-01-02"),
        ("null", ""),
        ("", ""),
        ("'null'", "null"),
        ("~", ""),
        ("'It''s'", "It's"),
        ('"\\u00e9 \\"x\\""', 'é "x"'),
        ("Für 東京 🎉", "Für 東京 🎉"),
        ("C# and F#", "C# and F#"),
        ("a:b", "a:b"),
        ("!!int 5", "5"),
        ("!!python/name:os.system", ""),
        (">\n  folded\n  words", "folded words"),
    ],
)
def test_text_is_what_was_written(written: str, text: str) -> None:
    assert yaml(f"title: {written}").text("title").rstrip("\n") == text


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("a, b", ("a", "b")),
        ("[a, 'b, c', 2024]", ("a", "b, c", "2024")),
        ("\n- a\n- b", ("a", "b")),
        ("\n- no\n-\n- ''", ("no",)),
        ("one thing", ("one thing",)),
        ("", ()),
        ("[]", ()),
    ],
)
def test_words_are_a_list_or_text_with_commas(written: str, words: tuple[str, ...]) -> None:
    assert yaml(f"tags: {written}").words("tags") == words


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2024-01-02", datetime(2024, 1, 2, tzinfo=UTC)),
        ("2024-01-02 10:11:12 +0200", datetime(2024, 1, 2, 8, 11, 12, tzinfo=UTC)),
        ("2024-01-02T10:11:12.345Z", datetime(2024, 1, 2, 10, 11, 12, tzinfo=UTC)),
        ("Nov 25, 2019 11:17:54 PM", datetime(2019, 11, 25, 23, 17, 54, tzinfo=UTC)),
        ("25. März 2019, 9:05 Uhr", datetime(2019, 3, 25, 9, 5, tzinfo=UTC)),
        ("mar. 5 mars 2019", datetime(2019, 3, 5, tzinfo=UTC)),
        ("Mar 5, 2019", datetime(2019, 3, 5, tzinfo=UTC)),
        ("3 de março de 2021", datetime(2021, 3, 3, tzinfo=UTC)),
        ("Tue, 02 Jan 2024 10:00:00 EST", datetime(2024, 1, 2, 15, 0, tzinfo=UTC)),
        ("25/11/2019", datetime(2019, 11, 25, tzinfo=UTC)),
        ("2024年1月2日", datetime(2024, 1, 2, tzinfo=UTC)),
        ("", None),
    ],
)
def test_dates_are_read_as_people_and_programs_write_them(written: str, moment: datetime | None) -> None:
    assert yaml(f"date: {written}").when("date") == moment


@pytest.mark.parametrize("written", ["01/02/2024", "2024-02-30", "soon", "2024", "12.30", "2024-01-02 25:00"])
def test_what_is_no_date_or_two_dates_is_an_error(written: str) -> None:
    with pytest.raises(SourceError, match=r"post.md:2: date is not a date") as caught:
        yaml(f"date: {written}").when("date")
    assert "2024-01-31" in caught.value.hint


@pytest.mark.parametrize(("written", "flag"), [("true", True), ("Yes", True), ("off", False), ("", True)])
def test_a_flag_is_yes_or_no_or_its_default(written: str, flag: bool) -> None:
    assert yaml(f"draft: {written}").flag("draft", default=True) is flag


def test_a_number_is_a_whole_number() -> None:
    assert (yaml("n: 42").number("n"), yaml("m: 1").number("n")) == (42, None)


@pytest.mark.parametrize(
    ("head", "ask", "message"),
    [
        ("title: [a, b]", lambda f: f.text("title"), "title must be text, not a list"),
        ("title: {a: b}", lambda f: f.text("title"), "title must be text, not fields of its own"),
        ("tags: [a, [b]]", lambda f: f.words("tags"), "tags must be a list of texts"),
        ("draft: perhaps", lambda f: f.flag("draft"), "draft must be true or false, not perhaps"),
        ("n: many", lambda f: f.number("n"), "n must be a whole number, not many"),
    ],
)
def test_the_wrong_kind_of_value_is_an_error_with_its_line(head: str, ask: object, message: str) -> None:
    assert callable(ask)
    with pytest.raises(IssueError) as caught:
        ask(split_front_matter(f"---\nfirst: 1\n{head}\n---\n", where="i.md", error=IssueError))
    assert (caught.value.where, caught.value.message) == ("i.md:3", message)
    assert head in caught.value.excerpt


def test_unknown_keys_come_with_their_line_and_the_nearest_known_one() -> None:
    front = yaml("subject: x\npreheder: y\nzzz: 1")
    assert front.unknown({"subject", "preheader"}) == [
        ("preheder", "post.md:3", "preheader"),
        ("zzz", "post.md:4", ""),
    ]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("---\nsubject: x\narticles:\n- a\n- b\n- c\n---\n", "post.md:6"),
        ("+++\nsubject = 'x'\narticles = [\n'a', 'b', 'c']\n+++\n", "post.md:3"),
        ('{\n"subject": "x",\n"articles": ["a", "b", "c"]}\n', "post.md:3"),
        ("Subject: x\nTitle: y\nArticles: a, b, c\n\n", "post.md:3"),
    ],
)
def test_every_key_knows_its_place(text: str, where: str) -> None:
    front = read(text)
    assert front.where("articles", 2) == where
    assert front.where("not there") == "post.md:1"


def test_merge_keys_and_aliases_mean_what_yaml_says() -> None:
    front = yaml("base: &base {a: 1, b: 2}\nmore:\n  <<: *base\n  b: 3")
    assert front.fields["more"] == {"a": "1", "b": "3"}


# ---- what goes wrong, and in which words


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("title: Foo: bar", "a colon with a space", 'title: "Foo: bar"'),
        ("title: 'It's'", "not in line", 'title: "It\'s"'),
        ('title: "Foo" and bar', "not in line", r'title: "\"Foo\" and bar"'),
        ("title: [Draft] Foo", "not in line", 'title: "[Draft] Foo"'),
        ("title: *Foo*", "cannot begin", 'title: "*Foo*"'),
        ("title: *Foo", "cannot begin with *", 'title: "*Foo"'),
        ("title: @home", "cannot begin", 'title: "@home"'),
        ("title: {{ x }}", "brackets or braces", 'title: "{{ x }}"'),
        ("title: [a, b", "the bracket that begins here", "quotes"),
        ('title: "a', "the quote that begins here", "quotes"),
        ("title: a\x07b", "a character that YAML does not allow", "invisible"),
        ("date:2024-01-02", "neither a field", "date: 2024-01-02"),
        ("  title: a", "a field within the value of the field above", "spaces"),
        ("first: 2", "first is written twice, first in line 2", ""),
        ("\tb: c", "a tab", "two spaces"),
    ],
)
def test_a_line_that_is_not_yaml_is_named_shown_and_mended(line: str, message: str, hint: str) -> None:
    with pytest.raises(SourceError) as caught:
        yaml(f"first: 1\n{line}\nlast: 3")
    assert caught.value.where == "post.md:3"
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "3 | " in caught.value.excerpt


def test_a_hint_can_be_typed_as_it_stands() -> None:
    for line in (
        "title: Foo: bar",
        "title: 'It's'",
        "title: [Draft] Foo",
        'title: "Foo" and bar',
        "title: @home",
    ):
        with pytest.raises(SourceError) as caught:
            yaml(line)
        assert yaml(caught.value.hint.partition("quotes: ")[2]).text("title")


def test_the_caret_stands_under_the_trouble() -> None:
    with pytest.raises(SourceError) as caught:
        yaml("title: Foo: bar")
    assert caught.value.excerpt.split("\n")[1:] == ["   2 | title: Foo: bar", "     |           ^"]


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("---\ntitle: x\n\nWords.\n", "post.md:1", "the front matter has no closing ---"),
        ("+++\ntitle = 'x'\n\nWords.\n", "post.md:1", "the front matter has no closing +++"),
        ("+++\ntitle = x\n+++\n", "post.md:2", "this is not TOML: Invalid value"),
        ("+++\na = 1\na = 2\n+++\n", "post.md:3", "this is not TOML: Cannot overwrite a value"),
        ('{\n"title": x\n}\n', "post.md:2", "this is not JSON: Expecting value"),
        ('{"a": 1, "a": 2}\n', "post.md:1", "this is not usable JSON: a is written twice"),
        ("---\ntitle:x\n---\n", "post.md:2", "these are fields without spaces"),
        (
            "---\na: " + "x" * 200_000 + "\n---\n",
            "post.md:1",
            "the front matter is longer than 100000 characters",
        ),
        ("---\na: " + "[" * 30 + "]" * 30 + "\n---\n", "post.md:2", "more than 20 levels deep"),
        ('{"a":' * 3000 + "1" + "}" * 3000, "post.md:1", "this is not usable JSON: more than 20 levels deep"),
        ("+++\na = " + "[" * 9000 + "\n+++\n", "post.md:2", "this is not TOML: more than 20 levels deep"),
    ],
)
def test_front_matter_that_cannot_be_read_is_an_error(text: str, where: str, message: str) -> None:
    with pytest.raises(IssueError) as caught:
        split_front_matter(text, where="post.md", error=IssueError)
    assert (caught.value.where, caught.value.message) == (where, message)


def test_a_million_aliases_are_refused_at_once() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    started = time.monotonic()
    with pytest.raises(SourceError, match="more than 10000 values"):
        yaml(bomb)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    ("line", "dropped"), [("title: Issue #5", "#5"), ("color: #fff", "#fff"), ("title: &Co", "&Co")]
)
def test_what_yaml_drops_in_silence_is_noted(line: str, dropped: str) -> None:
    (note,) = yaml(line).notes
    assert note.startswith(f"post.md:2: {dropped} is not part")


@pytest.mark.parametrize(
    "line", ["title: x # a comment", "title: 'Issue #5'", "title: C#", "url: https://e.test/#a"]
)
def test_an_ordinary_comment_or_quoted_text_is_not_noted(line: str) -> None:
    assert yaml(line).notes == ()


# ---- writing


def test_written_front_matter_reads_well() -> None:
    fields = {
        "id": "path:a.md",
        "title": "Für alle: ein “Anfang”",
        "number": "1984",
        "draft": False,
        "width": 640,
        "published": datetime(2024, 1, 2, 11, 12, 13, tzinfo=timezone(timedelta(hours=1))),
        "day": date(2024, 1, 2),
        "tags": ("a", "no", "🎉 b"),
        "image": {"url": "a.png", "alt": ""},
        "summary": "Two\nlines",
    }
    assert write_front_matter(fields, "Words.") == (
        "---\nid: path:a.md\ntitle: 'Für alle: ein “Anfang”'\nnumber: '1984'\ndraft: false\nwidth: 640\n"
        "published: 2024-01-02T10:12:13Z\nday: 2024-01-02\ntags:\n- a\n- 'no'\n- 🎉 b\n"
        "image:\n  url: a.png\n  alt: ''\nsummary: |-\n  Two\n  lines\n---\n\nWords.\n"
    )


def test_nothing_to_write_is_an_empty_head() -> None:
    assert write_front_matter({}, "") == "---\n---\n"
    assert read(write_front_matter({}, "Words.\n")).body == "Words.\n"


def test_a_lone_surrogate_can_still_be_written_to_a_file() -> None:
    assert "\ufffd" in write_front_matter({"title": "a\udce9b"}, "x").encode().decode()


hard = [
    *[
        "a\x85b",
        " x ",
        "'",
        '"',
        "\\",
        "- a",
        "? b",
        "#",
        "a: b",
        "---",
        "...",
        "\u2028",
        "\n",
        "a\n",
        "\na",
        "~",
        "=",
    ],
    *[
        "<<",
        "no",
        "0o7",
        "1_000",
        "1:30",
        "2024-01-02",
        "\tx",
        "x\t",
        "a \nb",
        "%x",
        "!x",
        "&x",
        "*x",
        "@",
        "|",
        ">",
    ],
    *["👩‍👩‍👧", "\ufeff", "\xa0x", "a #b", "{{ x }}", "[x]", "`x`", "\x00", "\x7f", "\r\n", "\n\n a\n"],
]
texts = st.text(max_size=40) | st.sampled_from(hard)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(texts.filter(lambda key: key.strip() != ""), texts, max_size=4), st.text(max_size=60))
def test_what_is_written_reads_back_equal(fields: dict[str, str], body: str) -> None:
    front = read(write_front_matter(fields, body))
    assert dict(front.fields) == fields
    normal = body.replace("\r\n", "\n").replace("\r", "\n")
    assert front.body == (normal if normal.endswith("\n") or not normal else normal + "\n")


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["", "---\n", "+++\n", "{", "---\ntitle: ", "+++\ntitle = "]),
    st.text(alphabet=st.sampled_from("ab:-[]{}#&*!|>'\"%@`~?,=+.\\ \t\n1\x00\x85\u2028é"), max_size=60),
    st.sampled_from(["", "\n---\nb", "\n+++\nb", "}\nb", "\n...\n"]),
)
def test_any_text_is_read_or_is_an_error_for_the_writer(start: str, middle: str, end: str) -> None:
    text = start + middle + end
    try:
        front = read(text)
    except WriterError as error:
        refused = error.where
    else:
        refused = ""
    if refused:
        assert refused.startswith("post.md:")
        return
    assert text.endswith(front.body) or "\r" in text
    assert front.body_line == text[: len(text) - len(front.body)].count("\n") + 1


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789 -/.:,T+ZJanMarDec年月日 apm", max_size=30) | st.text(max_size=30))
def test_any_text_is_a_date_or_none(text: str) -> None:
    moment = parse_date(text)
    assert moment is None or moment.tzinfo is UTC


@settings(max_examples=100, deadline=None)
@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))
def test_every_moment_reads_back(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert parse_date(moment.isoformat()) == moment
    assert read(write_front_matter({"date": moment}, "")).when("date") == moment
