"""The checks of a theme's styles: each code fails and passes, names the line of the theme, and leaves our themes alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from styled import GOLDEN, PLAIN, codes, golden_subject, own_theme, places_are_real, plain_theme, subject_of

from newsletter.checks.css import CODES, check
from newsletter.checks.subject import Subject
from newsletter.checks.theme_places import place_of_css

HEAD, INLINE, ISSUE = PLAIN["head.css"], PLAIN["inline.css"], PLAIN["issue.mjml"]
NO_META = ISSUE.replace('<meta name="color-scheme" content="light dark">', "")
LIGHT_ONLY = ISSUE.replace(
    'name="color-scheme" content="light dark"', 'name="color-scheme" content="light only"'
)
STYLE = '<style data-premailer="ignore">{{ head_css }}</style>'


def rules(size: int) -> str:
    """A style sheet of about `size` bytes."""
    return "".join(f".page .c{number:05d} {{ margin: 0; }}\n" for number in range(size // 28))


#: A code, files of a theme that have it, and files that are nearly the same and do not have it.
TABLE: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("E110", {"head_css": HEAD + rules(17_000)}, {"head_css": HEAD + rules(12_000)}),
    ("W210", {"head_css": HEAD + rules(13_500)}, {"head_css": HEAD + rules(12_000)}),
    (
        "E111",
        {"head_css": HEAD + "@supports (color: red) { @media screen { p { color: red } } }"},
        {"head_css": HEAD + "@supports (color: red) { .x { color: red } }"},
    ),
    (
        "E111",
        {
            "issue_mjml": ISSUE.replace(
                STYLE, f"{STYLE}<style>@media print {{ @page {{ margin: 0 }} }} p {{}}</style>"
            )
        },
        # In a <style> of its own nothing is dropped with it.
        {
            "issue_mjml": ISSUE.replace(
                STYLE, f"{STYLE}<style>@media print {{ @page {{ margin: 0 }} }}</style>"
            )
        },
    ),
    (
        "E112",
        {"head_css": HEAD + "\n.a { margin: 0 }\n}\n.b { margin: 0 }"},
        {"head_css": HEAD + ".a { margin: 0 }"},
    ),
    ("E112", {"head_css": HEAD + ".nothing-but-a-name"}, {"head_css": HEAD + ".a {}"}),
    (
        "W212",
        {"head_css": HEAD + ".a { margin 0; padding: 0 }"},
        {"head_css": HEAD + ".a { margin: 0; padding: 0 }"},
    ),
    ("W212", {"head_css": HEAD + ".a { margin: 0;\n.b { margin: 0 } }"}, {"head_css": HEAD + ".a {} .b {}"}),
    (
        "W211",
        {"inline_css": INLINE + ".post a:hover { color: red; }"},
        {"inline_css": INLINE + ".post a { color: red; }"},
    ),
    (
        "W211",
        {"inline_css": INLINE + ".a { color: var(--x) !important; }"},
        {"inline_css": INLINE + ".a { color: red; }"},
    ),
    (
        "W211",
        {
            "issue_mjml": ISSUE.replace(
                "<mj-raw>", '<mj-style inline="inline">\np:hover { color: red }</mj-style><mj-raw>'
            )
        },
        {"issue_mjml": ISSUE.replace("<mj-raw>", "<mj-style>\np:hover { color: red }</mj-style><mj-raw>")},
    ),
    (
        "W213",
        {"issue_mjml": ISSUE.replace("<mj-column>", '<mj-column widht="50%">')},
        {"issue_mjml": ISSUE.replace("<mj-column>", '<mj-column width="{{ 50 }}%">')},
    ),
    (
        "W213",
        {"issue_mjml": ISSUE.replace("<mj-text ", '<mj-text padding="big" ')},
        # What Jinja prints into an attribute is not known from the template.
        {"issue_mjml": ISSUE.replace("<mj-text ", "<mj-text padding=\"{{ '10px' }}\" ")},
    ),
    (
        "W213",
        {"issue_mjml": ISSUE.replace("<mj-column>", '<mj-column padding="1px" padding="2px">')},
        {
            "issue_mjml": ISSUE.replace(
                "<mj-column>", '<mj-column {% if 1 %}padding="1px"{% else %}padding="2px"{% endif %}>'
            )
        },
    ),
    (
        "W213",
        {"issue_mjml": ISSUE.replace("<mj-text ", '<mj-text mj-class="quiet" ')},
        {
            "issue_mjml": ISSUE.replace("<mj-text ", '<mj-text mj-class="quiet" ').replace(
                "<mj-raw>", '{% include "defaults.mjml" %}<mj-raw>'
            ),
            "defaults_mjml": '<mj-attributes><mj-class name="quiet" color="#333333" /></mj-attributes>',
        },
    ),
    ("W214", {"head_css": ".a { margin: 0 }"}, {"head_css": HEAD}),
    ("W214", {"head_css": ".a {}", "issue_mjml": NO_META}, {"head_css": ".a {}", "issue_mjml": LIGHT_ONLY}),
    ("W215", {"issue_mjml": NO_META}, {}),
    ("W215", {"issue_mjml": ISSUE.replace("supported-color-schemes", "other")}, {}),
    (
        "W216",
        {
            "issue_mjml": ISSUE.replace("<h1>", '<h1 class="box" style="background: #fff">'),
            "head_css": HEAD.replace(".page h1, ", "")
            + "@media (prefers-color-scheme: dark) { .page .box { color: #000 !important } }",
        },
        {
            "issue_mjml": ISSUE.replace("<h1>", '<h1 class="box" style="background: #fff">'),
            "head_css": HEAD
            + "@media (prefers-color-scheme: dark) { .page .box { background: #222 !important } }",
        },
    ),
]


def subject_with(files: dict[str, str]) -> Subject:
    return subject_of(theme=plain_theme(**files))


@pytest.mark.parametrize(("code", "wrong", "right"), TABLE)
def test_each_code_is_found_where_it_is_and_nowhere_else(
    code: str, wrong: dict[str, str], right: dict[str, str]
) -> None:
    subject = subject_with(wrong)
    found = list(check(subject))
    assert code in codes(found)
    assert places_are_real(subject, found)
    assert all(finding.message and finding.hint for finding in found if finding.code != "W211"), found
    assert codes(check(subject_with(right))) == []


def test_every_code_has_an_example() -> None:
    assert {code for code, _, _ in TABLE} == set(CODES)


def test_the_plain_theme_of_these_tests_has_no_finding() -> None:
    assert list(check(subject_of())) == []


@pytest.mark.parametrize("name", ["010-digest-four", "120-essay-four", "230-bulletin-twenty-five"])
def test_our_own_themes_have_no_finding(tmp_path: Path, name: str) -> None:
    assert (GOLDEN / name).is_dir()
    assert list(check(golden_subject(name, tmp_path))) == []


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({"inline_css": f"\n\n{INLINE}.post a:hover {{ color: red; }}"}, "templates/plain/inline.css:5"),
        (
            {
                "inline_css": '{% include "part.css" %}\n' + INLINE,
                "part_css": ".a {}\n\n.b:hover { color: {{ '#fff' }}; }",
            },
            "templates/plain/part.css:3",
        ),
        ({"head_css": HEAD + "\n.odd { margin 0 }\n"}, f"templates/plain/head.css:{HEAD.count(chr(10)) + 2}"),
        (
            {"issue_mjml": ISSUE.replace("<mj-section>", "<mj-section\n color='x'>")},
            "templates/plain/issue.mjml:9",
        ),
        (
            {"head_css": f"{HEAD}.odd {{ margin: 0 }}\n}}\n}}\n.b {{}}"},
            f"templates/plain/head.css:{HEAD.count(chr(10)) + 1}",
        ),
        ({"head_css": ".a {}"}, "templates/plain/issue.mjml:2"),
    ],
)
def test_a_finding_names_the_line_of_the_file_in_which_it_is_written(
    files: dict[str, str], where: str
) -> None:
    assert [finding.where for finding in check(subject_with(files))] == [where]


def test_a_line_of_a_style_sheet_is_found_behind_settings_and_macros() -> None:
    subject = subject_of(theme=own_theme(accent="#123456"))
    for line, file in (
        (
            ".page .post a, .page .more a, .page .kicker, .page .kicker p { color: #ffab8f !important; }",
            "dark.css",
        ),
        (".post a { color: #123456; text-decoration: underline; }", "post.css"),
        ("  .headline { font-size: 29px !important; }", "digest/head.css"),
    ):
        path, _, number = place_of_css(subject, line).rpartition(":")
        assert path.endswith(file)
        text = next(source.text for source in subject.sources.files if source.path == path)
        assert line.split()[-2] in text.split("\n")[int(number) - 1]
    assert place_of_css(subject, ".is-nowhere { margin: 0 }").endswith("issue.mjml")


CSS = st.lists(
    st.sampled_from(
        [
            "p",
            ".a",
            "{",
            "}",
            "color: red;",
            "@media screen {",
            "@font-face {",
            ":",
            ";",
            "/*",
            "*/",
            "'",
            '"',
            "\\",
            "(",
            "[",
        ]
    )
    | st.text("abc#.:;{}@ \n", max_size=6),
    max_size=20,
).map(" ".join)


@settings(deadline=None, max_examples=60)
@given(css=CSS)
def test_any_style_sheet_is_checked_without_failing(css: str) -> None:
    if "{{" in css or "{%" in css or "{#" in css or "</" in css:
        return
    subject = subject_with({"head_css": HEAD + css})
    assert places_are_real(subject, list(check(subject)))
