"""Themes: where their files come from, what their templates may do, and what a mistake in one says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles.article import Article, Image
from newsletter.errors import ThemeError
from newsletter.render.merge import LINKS, Fields, Subscriber
from newsletter.render.theme import (
    HEAD_CSS,
    INLINE_CSS,
    ISSUE_TEMPLATE,
    PACKAGE_THEMES,
    TEXT_TEMPLATE,
    Theme,
    locate,
    read_theme,
    render,
    render_css,
    theme_names,
)
from newsletter.render.view import ArticleView, Bodies, IssueView, PublicationView

MakeTheme = Callable[..., Theme]


@pytest.fixture
def make_theme(tmp_path: Path) -> MakeTheme:
    """A function that writes files, by name, into a theme of one's own and reads it."""

    def make(files: Mapping[str, str], **settings: object) -> Theme:
        folder = tmp_path / "templates" / "mine"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {ISSUE_TEMPLATE: "<mjml/>", **files}.items():
            (folder / name).write_text(text, "utf-8")
        return read_theme("mine", tmp_path / "templates", settings, where="newsletter.toml:9")

    return make


@pytest.fixture
def error_in(make_theme: MakeTheme, tmp_path: Path) -> Callable[..., ThemeError]:
    """A function that runs the template `issue.mjml` of some files and gives the error, its place without the folder."""

    def error(issue: str, files: Mapping[str, str] | None = None, **context: object) -> ThemeError:
        theme = make_theme({**(files or {}), ISSUE_TEMPLATE: issue})
        with pytest.raises(ThemeError) as caught:
            render(theme, ISSUE_TEMPLATE, VALUES | context)
        caught.value.where = caught.value.where.removeprefix(f"{tmp_path / 'templates' / 'mine'}/")
        return caught.value

    return error


def values() -> dict[str, Any]:
    """What a template sees."""
    fields = Fields()
    article = Article(
        "1",
        "A <title> & {{ 7*7 }}",
        "https://example.com/a",
        html="<p>A</p>",
        image=Image("https://example.com/a.png"),
    )
    return {
        "articles": (ArticleView(article, article.html, Bodies([]), "en", article.image),),
        "issue": IssueView("id", "Title", "Subject", "Preheader", "1 May 2026", "", ""),
        "publication": PublicationView(
            "Letter", "https://example.com", "1 High Street", "editors@example.com"
        ),
        "theme": {"accent": "#a8381c", "width": 600},
        "words": {"unsubscribe": "Unsubscribe", "by": "By {author}"},
        "number": 5,
        "text": "a text",
        "subscriber": Subscriber(fields),
        **{link: fields.mark(link) for link in LINKS},
    }


VALUES = values()


# Files.


def test_the_packages_theme_is_found_without_files_of_ones_own(tmp_path: Path) -> None:
    theme = read_theme("digest", tmp_path / "templates")
    assert theme.name == "digest"
    assert theme.path(ISSUE_TEMPLATE) == str(PACKAGE_THEMES / "digest" / ISSUE_TEMPLATE)
    assert dict(theme.settings)["width"] == 600


@pytest.mark.parametrize("name", theme_names(Path("nowhere")))
def test_every_theme_of_the_package_can_be_read_and_its_files_run(name: str, tmp_path: Path) -> None:
    theme = read_theme(name, tmp_path)
    assert {file.name for file in theme.files} >= {ISSUE_TEMPLATE, TEXT_TEMPLATE, INLINE_CSS, HEAD_CSS}
    for css in (INLINE_CSS, HEAD_CSS):
        rendered = render_css(theme, css)
        assert "{{" not in rendered
        assert rendered.count("{") == rendered.count("}") > 0
    context = VALUES | {
        "theme": dict(theme.settings),
        "words": theme.words_in("en"),
        "language": "en",
        "direction": "ltr",
        "head_css": "",
        "heading": str,
        "paragraph": str,
    }
    for template in (ISSUE_TEMPLATE, TEXT_TEMPLATE):
        assert "{{ 7*7 }}" in render(theme, template, context)
    assert "A &lt;title&gt; &amp; {{ 7*7 }}" in render(theme, ISSUE_TEMPLATE, context)


def test_a_publication_overrides_a_single_file(tmp_path: Path) -> None:
    own = tmp_path / "templates"
    (own / "digest").mkdir(parents=True)
    (own / "digest" / INLINE_CSS).write_text("p { color: red }")
    theme, package = read_theme("digest", own), read_theme("digest", tmp_path / "none")
    assert theme.text(INLINE_CSS) == "p { color: red }"
    assert theme.path(INLINE_CSS) == str(own / "digest" / INLINE_CSS)
    assert [theme.text(file.name) for file in package.files if file.name != INLINE_CSS] == [
        file.text for file in package.files if file.name != INLINE_CSS
    ]


def test_a_theme_of_ones_own_needs_no_more_than_its_issue(make_theme: MakeTheme, tmp_path: Path) -> None:
    theme = make_theme({})
    assert render(theme, ISSUE_TEMPLATE, {}) == "<mjml/>"
    assert (theme.text(TEXT_TEMPLATE), render_css(theme, INLINE_CSS), theme.settings) == ("", "", ())
    assert theme_names(tmp_path / "templates") == sorted({"mine", *theme_names(tmp_path / "none")})


def test_other_files_in_a_themes_folder_are_left_alone(make_theme: MakeTheme, tmp_path: Path) -> None:
    make_theme({})
    folder = tmp_path / "templates" / "mine"
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    (folder / "notes.md").write_bytes(b"\xff")
    (folder / "more.css").mkdir()
    own = [Path(file.path) for file in make_theme({}).files if Path(file.path).is_relative_to(tmp_path)]
    assert own == [folder / ISSUE_TEMPLATE]


def test_byte_order_marks_and_line_ends_make_no_difference(make_theme: MakeTheme) -> None:
    assert (
        render(make_theme({ISSUE_TEMPLATE: "\ufeff<a>\r\n{{ number }}\r\n</a>"}), ISSUE_TEMPLATE, VALUES)
        == "<a>\n5\n</a>"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [("digset", ", did you mean 'digest'?"), ("Digest", ", did you mean 'digest'?"), ("zebra", ""), ("", "")],
)
def test_an_unknown_theme_is_said_with_the_nearest_and_all_there_are(
    name: str, meant: str, tmp_path: Path
) -> None:
    with pytest.raises(ThemeError) as caught:
        read_theme(name, tmp_path, where="newsletter.toml:3")
    assert caught.value.message == f"there is no theme {name!r}{meant}"
    assert caught.value.where == "newsletter.toml:3"
    assert f"themes: {', '.join(theme_names(tmp_path))}" in caught.value.hint


@pytest.mark.parametrize(
    "name", ["../x", "..", ".", "a/b", "/etc", "x\0", "x\n", "-x", "C:x", "digest/../digest"]
)
def test_a_name_that_leads_out_of_the_folder_is_no_theme(name: str, tmp_path: Path) -> None:
    for folder in (tmp_path / "x", tmp_path / "templates", tmp_path / "templates" / "a" / "b"):
        folder.mkdir(parents=True)
        (folder / ISSUE_TEMPLATE).write_text("<mjml/>")
    with pytest.raises(ThemeError, match="there is no theme"):
        read_theme(name, tmp_path / "templates")


def test_a_file_that_is_not_utf8_is_named_with_its_line(make_theme: MakeTheme, tmp_path: Path) -> None:
    make_theme({})
    path = tmp_path / "templates" / "mine" / INLINE_CSS
    path.write_bytes("p {}\n/* grün */".encode("latin-1"))
    with pytest.raises(ThemeError, match="not UTF-8") as caught:
        make_theme({})
    assert caught.value.where == f"{path}:2"


# Settings.

SETTINGS = """
[settings]
accent = { type = "color", default = "#A8381C", what = "links" }
width = { type = "number", default = 600 }
serif = { type = "text", default = "Georgia, serif" }
"""


def test_settings_have_their_defaults_and_a_publications_values_over_them(make_theme: MakeTheme) -> None:
    assert dict(make_theme({"theme.toml": SETTINGS}).settings) == {
        "accent": "#a8381c",
        "width": 600,
        "serif": "Georgia, serif",
    }
    changed = make_theme({"theme.toml": SETTINGS}, accent="#123", serif="'A', b")
    assert dict(changed.settings) == {"accent": "#112233", "width": 600, "serif": "'A', b"}


def test_style_sheets_are_filled_with_the_settings(make_theme: MakeTheme) -> None:
    css = "p { color: {{ theme.accent }}; font: {{ theme.width }}px {{ theme.serif }} }"
    theme = make_theme({"theme.toml": SETTINGS, INLINE_CSS: css}, serif="'A', b")
    assert render_css(theme, INLINE_CSS) == "p { color: #a8381c; font: 600px 'A', b }"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("acent", "#123456", "the theme has no setting 'acent', did you mean 'accent'?"),
        ("zebra", 1, "the theme has no setting 'zebra'"),
        ("accent", "red", "accent = 'red' is not a colour"),
        ("accent", "#12345", "accent = '#12345' is not a colour"),
        ("accent", "#123456;}", "accent = '#123456;}' is not a colour"),
        ("accent", "#123456\n", "accent = '#123456\\n' is not a colour"),
        ("accent", 123456, "accent = 123456 is not a colour"),
        ("width", "600", "width = '600' is not a number"),
        ("width", -1, "width = -1 is not a number"),
        ("width", 2001, "width = 2001 is not a number"),
        ("width", True, "width = True is not a number"),
        ("width", 1.5, "width = 1.5 is not a number"),
        ("serif", 1, "serif = 1 is not a plain text"),
        ("serif", "a}b", "serif = 'a}b' is not a plain text"),
        ("serif", "</style>", "serif = '</style>' is not a plain text"),
        ("serif", "{{ x }}", "serif = '{{ x }}' is not a plain text"),
        ("serif", "a\nb", "serif = 'a\\nb' is not a plain text"),
    ],
)
def test_a_wrong_setting_is_an_error_at_its_place_in_the_publication(
    make_theme: MakeTheme, key: str, value: object, message: str
) -> None:
    with pytest.raises(ThemeError) as caught:
        make_theme({"theme.toml": SETTINGS}, **{key: value})
    assert caught.value.message.startswith(message)
    assert caught.value.where == "newsletter.toml:9"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("toml", "line", "message"),
    [
        ("title = \n", 1, "not valid TOML"),
        ("settings = 1\n", 1, "settings must be a table"),
        ("[settings]\n\naccent = 1\n", 3, "the setting 'accent' has no type and default"),
        ('[settings]\naccent = { type = "color" }\n', 2, "the setting 'accent' has no type and default"),
        ('[settings]\naccent = { type = "color", default = "red" }\n', 2, "accent = 'red' is not a colour"),
        (
            '[settings]\naccent = { type = "colour", default = "#123456" }\n',
            2,
            "accent = '#123456' is not anything: its type 'colour' is unknown",
        ),
        ("[settings.accent]\ndefault = 1\n", 1, "accent = 1 is not anything: its type 'None' is unknown"),
    ],
)
def test_a_mistake_in_theme_toml_is_named_with_its_line(
    make_theme: MakeTheme, toml: str, line: int, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ThemeError) as caught:
        make_theme({"theme.toml": toml})
    assert caught.value.message.startswith(message)
    assert caught.value.where == f"{tmp_path / 'templates' / 'mine' / 'theme.toml'}:{line}"


# Words.


@pytest.mark.parametrize(
    ("language", "unsubscribe"),
    [
        ("en", "Unsubscribe"),
        ("de", "Abmelden"),
        ("de-CH", "Abmelden"),
        ("DE", "Abmelden"),
        ("nn", "Meld deg av"),
        ("tlh", "Unsubscribe"),
        ("", "Unsubscribe"),
    ],
)
def test_words_are_those_of_the_language_or_english(language: str, unsubscribe: str, tmp_path: Path) -> None:
    assert read_theme("digest", tmp_path).words_in(language)["unsubscribe"] == unsubscribe


def test_every_language_has_every_word(tmp_path: Path) -> None:
    words = {language: dict(pairs) for language, pairs in read_theme("digest", tmp_path).words}
    assert len(words) > 10
    assert {language: sorted(pairs) for language, pairs in words.items()} == dict.fromkeys(
        words, sorted(words["en"])
    )


def test_a_publications_own_words_go_over_the_packages(tmp_path: Path) -> None:
    (tmp_path / "words.toml").write_text(
        '[de]\nunsubscribe = "Tschüss"\nown = "Eigenes {x}"\n[de-CH]\nwhy = "Grüezi"\n', "utf-8"
    )
    theme = read_theme("digest", tmp_path)
    german = theme.words_in("de")
    assert (german["unsubscribe"], german["own"], german["preferences"]) == (
        "Tschüss",
        "Eigenes {x}",
        "Einstellungen",
    )
    assert theme.words_in("de-CH")["why"] == "Grüezi"
    assert theme.words_in("de-CH")["unsubscribe"] == "Tschüss"
    assert theme.words_in("en") == read_theme("digest", tmp_path / "none").words_in("en")


@pytest.mark.parametrize(
    ("toml", "line", "message"),
    [
        ("[de\n", 1, "not valid TOML"),
        ('unsubscribe = "x"\n', 1, "words stand below a language"),
        ("[de]\nby = 1\n", 2, "by must be a text in quotes"),
        ('[de]\nby = "Von {autor}"\n', 2, "by has the unknown place {autor}"),
        ('[de]\nby = "Von {author.__class__}"\n', 2, "by has the unknown place"),
        ('[de]\nby = "Von {}"\n', 2, "by has the unknown place {}"),
        ('[de]\nunsubscribe = "{x}"\n', 2, "unsubscribe has the unknown place {x}"),
        ('[de]\nby = "Von {author"\n', 2, "by has a brace too many or too few"),
        ('[de]\nown = "}"\n', 2, "own has a brace too many or too few"),
    ],
)
def test_a_mistake_in_words_toml_is_named_with_its_line(
    tmp_path: Path, toml: str, line: int, message: str
) -> None:
    (tmp_path / "words.toml").write_text(toml)
    with pytest.raises(ThemeError) as caught:
        read_theme("digest", tmp_path)
    assert caught.value.message.startswith(message)
    assert caught.value.where == f"{tmp_path / 'words.toml'}:{line}"


# Mistakes in templates.


@pytest.mark.parametrize(
    ("issue", "line", "message", "hint"),
    [
        ("<mjml>\n{% if number %}\n</mjml>", 3, "Unexpected end of template", ""),
        ("<mjml>\n{% fi number %}", 2, "Encountered unknown tag 'fi'", ""),
        ("<mjml>\n\n{{ number + }}", 3, "unexpected 'end of print statement'", ""),
        ("{{ text | uper }}", 1, "No filter named 'uper'", "did you mean 'upper'?"),
        ("\n{{ text is strnig }}", 2, "No test named 'strnig'", "did you mean 'string'?"),
        (
            "a\nb {{ articels }}",
            2,
            "'articels' is undefined, did you mean 'articles'?",
            "there are: articles, ",
        ),
        ("{% if articels %}x{% endif %}", 1, "'articels' is undefined, did you mean 'articles'?", ""),
        ("{% for a in articels %}x{% endfor %}", 1, "'articels' is undefined, did you mean 'articles'?", ""),
        ("{{ zebra }}", 1, "'zebra' is undefined", "there are: articles, "),
        (
            "a\nb\n{{ issue.titel }}",
            3,
            "there is no 'titel' in it, did you mean 'title'?",
            "there are: closing, ",
        ),
        ("{{ articles[0].autor }}", 1, "there is no 'autor' in it, did you mean 'author'?", ""),
        ("{{ articles[0].image.with }}", 1, "there is no 'with' in it, did you mean 'width'?", ""),
        (
            "{{ theme.acent }}",
            1,
            "there is no 'acent' in it, did you mean 'accent'?",
            "there are: accent, width",
        ),
        ("{{ words.zebra }}", 1, "there is no 'zebra' in it", "there are: by, unsubscribe"),
        ("{{ articles[7].title }}", 1, "", ""),
        ("{{ text.nothing.more }}", 1, "there is no 'nothing' in it", ""),
        (
            'a\n{% include "sidebar.mjml" %}',
            2,
            "there is no template 'sidebar.mjml'",
            "head.mjml, issue.mjml",
        ),
        ('{% include "haed.mjml" %}', 1, "there is no template 'haed.mjml', did you mean 'head.mjml'?", ""),
        ('{% import "nothing.mjml" as x %}', 1, "there is no template 'nothing.mjml'", ""),
        ('{% extends "nothing.mjml" %}', 1, "there is no template 'nothing.mjml'", ""),
        ('{% include "../../../../etc/passwd" %}', 1, "there is no template", ""),
        ('{% include "/etc/passwd" %}', 1, "there is no template", ""),
        ('{% from "head.mjml" import nothing %}{{ nothing() }}', 1, "the template 'head.mjml'", ""),
        ("\n{{ 1 / 0 }}", 2, "ZeroDivisionError: division by zero", ""),
        ("{{ text + 1 }}", 1, "TypeError: ", ""),
        ("{{ number() }}", 1, "TypeError: ", ""),
        ("{{ words.by.format(x=1) }}", 1, "KeyError: 'author'", ""),
        ("{{ text | int(base=99) | batch }}", 1, "TypeError: ", ""),
        ("{{ 'a' * 10 ** 15 }}", 1, "MemoryError", ""),
        ("{{ range(10 ** 9) | list }}", 1, "OverflowError: ", ""),
        (
            "a\n{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            2,
            "a template or macro calls itself without end",
            "",
        ),
        ('a\n{% include "issue.mjml" %}', 2, "a template or macro calls itself without end", ""),
        ("{{ articles[0] }}", 1, "{{ article }} has no text of its own", "article.title"),
        ("{{ publication }}", 1, "{{ publication }} has no text of its own", "publication.name"),
        (
            "\n{% if subscriber.x %}{% endif %}",
            2,
            "{{ subscriber.x }} is filled for each recipient",
            "fallback",
        ),
        ('{{ text | fallback("x") }}', 1, "fallback() is for merge fields", "default()"),
        ("{{ articles[0].body(7) }}", 1, "there are no headings of level 7", "article.body(2)"),
    ],
)
def test_a_mistake_in_a_template_is_named_with_line_and_remedy(
    error_in: Callable[..., ThemeError], issue: str, line: int, message: str, hint: str
) -> None:
    error = error_in(issue, {"head.mjml": "<mj-head/>"})
    assert error.where == f"issue.mjml:{line}"
    assert error.message.startswith(message)
    assert hint in error.hint
    assert f"{line} > {issue.splitlines()[line - 1]}".rstrip() in error.excerpt


PARTS = "{% macro story(article) %}\n<p>\n{{ article.titel }}\n</p>\n{% endmacro %}"


@pytest.mark.parametrize(
    ("issue", "part", "line"),
    [
        ('\n\n\n{% include "part.mjml" %}', "a\n{{ zebra }}", 2),
        ('\n\n\n{% include "part.mjml" %}', "a\nb\n{% if %}", 3),
        ('{% import "part.mjml" as parts %}\n\n\n{{ parts.story(issue) }}', PARTS, 3),
        ('{% from "part.mjml" import story with context %}\n{{ story(issue) }}', PARTS, 3),
        (
            '{% extends "part.mjml" %}\n{% block a %}{% endblock %}',
            "a\nb\n{{ zebra }}{% block a %}{% endblock %}",
            3,
        ),
        ('{% include "part.mjml" %}', "a\n{{ subscriber.x | length }}", 2),
        ('{% include "part.mjml" %}', "\n\n{{ 1 / 0 }}", 3),
    ],
)
def test_a_mistake_in_an_included_template_names_that_file(
    error_in: Callable[..., ThemeError], issue: str, part: str, line: int
) -> None:
    error = error_in(issue, {"part.mjml": part})
    assert error.where == f"part.mjml:{line}"
    assert f"{line} > " in error.excerpt


def test_a_mistake_in_a_macros_caller_names_the_caller(error_in: Callable[..., ThemeError]) -> None:
    parts = {"part.mjml": "{% macro box() %}\n\n\n<b>{{ caller() }}</b>{% endmacro %}"}
    error = error_in(
        '{% import "part.mjml" as parts %}\n{% call parts.box() %}{{ zebra }}{% endcall %}', parts
    )
    assert error.where == "issue.mjml:2"


def test_a_mistake_in_a_style_sheet_is_named_with_its_line(make_theme: MakeTheme, tmp_path: Path) -> None:
    theme = make_theme({"theme.toml": SETTINGS, INLINE_CSS: "p {}\na { color: {{ theme.acent }} }"})
    with pytest.raises(ThemeError, match="did you mean 'accent'") as caught:
        render_css(theme, INLINE_CSS)
    assert caught.value.where == f"{tmp_path / 'templates' / 'mine' / INLINE_CSS}:2"


@settings(deadline=None)
@given(st.text(alphabet="{}%#|.'\"() \nabcdefintluor0123+-/=<>_", max_size=60))
def test_any_text_is_a_template_or_a_theme_error(text: str) -> None:
    files = read_theme("digest", Path("nowhere"))
    theme = Theme("any", (type(files.files[0])("issue.mjml", "issue.mjml", text),), (), ())
    try:
        render(theme, ISSUE_TEMPLATE, VALUES)
    except ThemeError as error:
        where = error.where
    else:
        where = "issue.mjml:1"
    assert where.startswith("issue.mjml:")


# What a template may do.


@pytest.mark.parametrize(
    "expression",
    [
        "lipsum.__globals__",
        "lipsum",
        "''.__class__.__mro__",
        "''['__class__']",
        "''|attr('__class__')",
        "().__class__.__base__.__subclasses__()",
        "cycler.__init__.__globals__.os",
        "joiner.__init__.__globals__",
        "namespace.__init__.__globals__",
        "self.__init__.__globals__",
        "self._TemplateReference__context",
        "'{0.__class__}'.format(text)",
        "'%s'.__class__",
        "'{x.__class__}'.format_map({'x': text})",
        "articles[0]._article",
        "articles[0]._bodies",
        "articles[0].body.__globals__",
        "articles[0].__class__",
        "articles.__class__",
        "subscriber._fields",
        "subscriber.__class__",
        "unsubscribe_url._field",
        "range.__self__",
        "dict.__subclasses__()",
        "config",
        "environ",
        "open('/etc/passwd')",
        "theme.update({'accent': 'x'})",
        "theme.clear()",
        "theme.__setitem__('a', 1)",
        "words.pop('by')",
        "[1, 2] | random",
        "text | attr('__class__') | list",
        "text.encode.__self__.__class__",
    ],
)
def test_the_sandbox_holds(error_in: Callable[..., ThemeError], expression: str) -> None:
    before = repr(VALUES["theme"]), repr(VALUES["words"])
    error = error_in(f"\n{{{{ {expression} }}}}")
    assert error.where == "issue.mjml:2"
    assert (repr(VALUES["theme"]), repr(VALUES["words"])) == before


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ articles[0].title }}", "A &lt;title&gt; &amp; {{ 7*7 }}"),
        ('<p title="{{ text_with_quotes }}">', '<p title="a &#34;b&#34; &#39;c&#39;">'),
        ("{{ articles | length }}{{ number }}", "15"),
        ("{{ nothing | default('x') }}", "x"),
        ("{{ text | default('x') | d('y') }}", "a text"),
        ("{{ '' | default('x', true) }}", "x"),
        ("{% if nothing is defined %}x{% else %}y{% endif %}", "y"),
        ("{{ words.by.format(author='<b>') }}", "By &lt;b&gt;"),
        ("{% for a in articles %}\n{{ loop.index }}\n{% endfor %}\n", "1\n"),
        (
            "{% set x = namespace(n=0) %}\n{% for a in articles %}\n{% set x.n = x.n + 1 %}\n{% endfor %}\n{{ x.n }}",
            "1",
        ),
        ("{# a {{ comment }} #}x", "x"),
    ],
)
def test_templates_do_what_jinja_does(make_theme: MakeTheme, template: str, expected: str) -> None:
    context = VALUES | {"text_with_quotes": "a \"b\" 'c'"}
    assert render(make_theme({ISSUE_TEMPLATE: template}), ISSUE_TEMPLATE, context) == expected


def test_the_text_part_is_not_escaped(make_theme: MakeTheme) -> None:
    assert (
        render(make_theme({TEXT_TEMPLATE: "{{ articles[0].title }}"}), TEXT_TEMPLATE, VALUES)
        == "A <title> & {{ 7*7 }}"
    )


@pytest.mark.parametrize(
    "words", ['fallback("there")', 'default("there")', 'd("there")', 'default("there", true)']
)
def test_the_default_of_a_merge_field_is_its_fallback(make_theme: MakeTheme, words: str) -> None:
    fields = Fields()
    theme = make_theme({ISSUE_TEMPLATE: f"<p>Dear {{{{ subscriber.x | {words} }}}}</p>"})
    page = render(theme, ISSUE_TEMPLATE, {"subscriber": Subscriber(fields)})
    fields.check_printed(page, where="t")
    assert fields.split_html(page, where="t").fill({}) == "<p>Dear there</p>"
    assert fields.split_html(page, where="t").fill({"subscriber.x": "Zoë"}) == "<p>Dear Zoë</p>"


# Where a piece of MJML comes from.

ISSUE = """<mjml>
  <mj-section padding="{{ '40px' if lead else '48px' }} 24px 0px">
    <mj-text  css-class="a > b">{{ text }}</mj-text>
    <mj-image src="{{ url }}" {% if url %}href="{{ url }}" {% endif %}/>
    <mj-spacer />
    <mj-spacer />
    <mj-button
      href="{{ url }}">x</mj-button>
"""


@pytest.mark.parametrize(
    ("tag", "place"),
    [
        ('<mj-section padding="48px 24px 0px">', ("issue.mjml", 2)),
        ('<mj-text  css-class="a > b">', ("issue.mjml", 3)),
        ('<mj-image src="https://example.com/?a=1&amp;b" href="x" />', ("issue.mjml", 4)),
        ('<mj-button href="https://example.com">', ("issue.mjml", 7)),
        ('<mj-divider css-class="z" />', ("parts.mjml", 2)),
        ("<mj-spacer />", None),
        ("<mj-table>", None),
        ("", None),
        ('<mj-section padding="48px 24px 0px"><x>', None),
    ],
)
def test_the_line_that_made_a_tag_is_found_where_it_is_certain(
    make_theme: MakeTheme, tmp_path: Path, tag: str, place: tuple[str, int] | None
) -> None:
    theme = make_theme(
        {
            ISSUE_TEMPLATE: ISSUE,
            "parts.mjml": '\n<mj-divider css-class="{{ x }}" />',
            INLINE_CSS: "<mj-table>",
        }
    )
    expected = place and (str(tmp_path / "templates" / "mine" / place[0]), place[1])
    assert locate(theme, tag) == expected
