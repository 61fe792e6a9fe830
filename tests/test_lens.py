"""Lenses: what is taken away for a client and what stays, over samples and over the golden emails."""

from __future__ import annotations

import re

import lxml.html
import pytest
from email_corpus import GOLDEN, from_feeds, of_features, page, pieces
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.checks.clients import lacking
from newsletter.checks.conditional import holds, outlook_view
from newsletter.checks.features import uses
from newsletter.checks.lens import LENSES, Seen, seen
from newsletter.checks.lens_css import GMAIL_STYLE_BYTES
from newsletter.checks.lens_dark import DarkMode, resolved_media, turned_value

OF_THE_DATA = [name for name, lens in LENSES.items() if lens.client]


def through(name: str, html: str, *, images: bool = True, dark: bool = False) -> Seen:
    return seen(html, LENSES[name], images=images, dark=dark)


def words(html: str) -> str:
    """The words of a body, without spaces: unwrapping an element may join two of them, as it does in the client."""
    tree = lxml.html.document_fromstring(html)
    for element in tree.xpath("//style | //script | //title | //xml"):
        element.drop_tree()  # what shows nothing
    return re.sub(r"\s+", "", tree.text_content())


# --- what goes, and what stays ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lens", "body", "gone", "stays"),
    [
        ("gmail", '<p style="color:red;cursor:help">a</p>', "cursor", "color:red"),
        ("gmail", '<p style="margin:-4px;padding:2px">a</p>', "margin", "padding:2px"),
        ("gmail", '<p style="position:absolute;color:red">a</p>', "position", "color:red"),
        ("gmail", '<p style="color:rgb(0 128 0 / 50%);font-size:20px">a</p>', "font-size", "<p>a</p>"),
        ("gmail", "<svg><text>drawn</text></svg><p>b</p>", "drawn", "<p>b</p>"),
        ("gmail", "<nav><p>menu</p></nav>", "<nav", "<p>menu</p>"),
        ("gmail", "<section><p>part</p></section>", "<nav", "<section><p>part</p></section>"),
        ("gmail", '<a href="https://a.example" target="_top">x</a>', "target", 'href="https://a.example"'),
        ("outlook-windows", '<p style="border-radius:4px;color:red">a</p>', "border-radius", "color:red"),
        ("outlook-windows", '<div style="padding:9px;color:red">a</div>', "padding", "color:red"),
        ("outlook-windows", '<table><tr><td style="padding:9px">a</td></tr></table>', "lost", "padding:9px"),
        ("outlook-windows", '<div style="max-width:600px">a</div>', "max-width", "<div>a</div>"),
        ("outlook-windows", '<table style="max-width:600px"><tr><td>a</table>', "lost", "max-width:600px"),
        ("outlook-windows", '<p style="display:flex;color:red">a</p>', "flex", "color:red"),
        ("outlook-windows", '<p style="display:none">a</p>', "lost", "display:none"),
        ("outlook-windows", '<p style="margin:0 auto">a</p>', "auto", "margin:0 0"),
        ("outlook-windows", '<p style="color:#111;color:rgba(1,2,3,.5)">a</p>', "rgba", "color:#111"),
        ("outlook-windows", '<p style="background:#abc url(x.png)">a</p>', "url", "background:#abc"),
        ("outlook-windows", '<p style="color:red !important">a</p>', "important", "color:red"),
        ("outlook-windows", "<form><p>Name</p><input type=text></form>", "<input", "<p>Name</p>"),
        ("gmail-imap", '<p style="object-fit:cover;color:red">a</p>', "object-fit", "color:red"),
        ("gmail-app", '<p style="object-fit:cover;color:red">a</p>', "lost", "object-fit:cover"),
        ("gmail-app", '<p style="box-shadow:0 0 1px;color:red">a</p>', "box-shadow", "color:red"),
        ("gmail-imap", '<p style="box-shadow:0 0 1px">a</p>', "lost", "box-shadow"),
        (
            "outlook-windows",
            '<table><tr><td style="mso-padding-alt:9px">a</td></tr></table>',
            "mso-padding-alt",
            "padding:9px",
        ),
        ("yahoo", '<p style="height:20px;color:red">a</p>', ";height", "min-height:20px"),
        ("yahoo", '<p style="position:relative">a</p>', "lost", "position:relative"),
        ("yahoo", '<p style="position:absolute">a</p>', "position", "<p>a</p>"),
        ("yahoo", "<section><p>part</p></section>", "<section", "<p>part</p>"),
        ("outlook-com", '<p style="position:sticky">a</p>', "lost", "position:sticky"),
        ("apple-mail", '<p style="position:fixed;color:red">a</p>', "position", "color:red"),
        ("apple-mail", '<p style="border-radius:4px">a</p>', "lost", "border-radius:4px"),
        ("samsung", '<a href="#below">x</a>', "href", "<a>x</a>"),
        ("thunderbird", '<p aria-label="y" style="border-radius:4px">a</p>', "aria-label", "border-radius"),
    ],
)
def test_a_client_loses_what_it_does_not_support_and_nothing_else(
    lens: str, body: str, gone: str, stays: str
) -> None:
    result = through(lens, page(body)).html
    assert gone not in result
    assert stays in result


@pytest.mark.parametrize(
    ("lens", "css", "gone", "stays"),
    [
        ("gmail", "p:hover{color:red} p:first-child{color:blue}", "first-child", "p:hover"),
        ("gmail", "p,p:visited{color:red}", "visited", "p {color:red}"),
        ("gmail", "@font-face{font-family:x;src:url(x.woff)} p{color:red}", "font-face", "p {color:red}"),
        ("gmail", "@media (max-width:400px){p{color:red}}", "lost", "@media (max-width:400px){p{color:red}}"),
        ("gmail", "@media screen{@media print{p{color:red}}}", "color:red", "<body>"),
        ("gmail", "p{color:rgb(0 0 0 / 1)} b{color:red}", "color:red", "<body>"),
        ("gmail", "p{color:red;box-shadow:0 0 1px}", "box-shadow", "color:red"),
        ("gmail-imap", "p{color:red}", "color:red", "<body>"),
        ("gmail-app", "p{color:red}", "lost", "p{color:red}"),
        ("outlook-windows", "@media screen{p{color:red}} b{color:blue}", "@media", "b {color:blue}"),
        ("outlook-windows", "td > p{color:red} .a{color:blue}", "color:red", ".a {color:blue}"),
        ("thunderbird", "@media screen{p{color:red}} b{color:blue}", "@media", "b {color:blue}"),
        ("yahoo", "p:nth-child(2){color:red} p{height:3px}", "nth-child", "min-height:3px"),
        ("apple-mail", "p:hover{color:red} @media print{b{color:blue}}", "lost", "p:hover{color:red}"),
    ],
)
def test_a_style_sheet_keeps_the_rules_that_a_client_reads(
    lens: str, css: str, gone: str, stays: str
) -> None:
    result = through(lens, page("<p>x</p>", f"<style>{css}</style>")).html
    assert gone not in result
    assert stays in result


def test_gmail_reads_16_kb_of_style_and_none_in_the_body() -> None:
    long = "p{color:red}" * (GMAIL_STYLE_BYTES // 12 + 1)
    head = f"<style>b{{color:blue}}</style><style>{long}</style>"
    result = through("gmail", page("<style>i{color:green}</style><p>x</p>", head))
    assert "b{color:blue}" in result.html
    assert "color:red" not in result.html
    assert "color:green" not in result.html
    assert "<style> beyond 16 kB removed (1)" in result.changes
    assert "color:red" in through("yahoo", page("<p>x</p>", head)).html


@pytest.mark.parametrize(
    ("lens", "source", "is_shown"),
    [
        ("outlook-windows", "a.webp", False),
        ("outlook-windows", "a.png?width=3", True),
        ("gmail", "a.svg", False),
        ("gmail", "data:image/png;base64,AAAA", False),
        ("apple-mail", "data:image/png;base64,AAAA", True),
        ("gmail", "cid:1@example", True),
    ],
)
def test_a_picture_that_a_client_cannot_read_is_its_alt_text(lens: str, source: str, is_shown: bool) -> None:
    result = through(lens, page(f'<img src="{source}" alt="A boat" width="300">')).html
    assert ("<img" in result) is is_shown
    assert (">A boat</span>" in result) is not is_shown


def test_without_pictures_the_alt_texts_stand_in_boxes_and_nothing_is_behind_them() -> None:
    body = (
        '<a href="https://a.example"><img src="a.png" alt="A boat" width="300" style="display:block"></a>after'
        '<table background="b.png"><tr><td style="color:red;background:#fff url(\'c.png\')">x</td></tr></table>'
    )
    for name in OF_THE_DATA:
        result = through(name, page(body), images=False).html
        assert ".png" not in result
        assert re.search(r'<a href="https://a.example"><span [^>]*>A boat</span></a>after', result)


def test_scripts_comments_and_handlers_are_gone_for_everybody() -> None:
    body = '<script>alert(1)</script><!-- note --><p onclick="x()">a</p><a href=" javascript:x()">b</a>'
    for name in OF_THE_DATA:
        result = through(name, page(body)).html
        assert not re.search("alert|note|onclick|javascript", result)
        assert words(result) == "ab"


# --- conditional comments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        ("mso", True),
        ("!mso", False),
        ("mso | IE", True),
        ("(mso)|(IE)", True),
        ("IE", False),
        ("gte mso 9", True),
        ("lte mso 11", False),
        ("(gte mso 9)&(lt mso 17)", True),
        ("mso 16", True),
        ("mso 12", False),
        ("!(mso)", False),
        ("gt mso", True),
        ("", False),
        ("mso |", False),
        ("((mso", False),
    ],
)
def test_outlook_meets_its_own_conditions(condition: str, is_met: bool) -> None:
    assert holds(condition) is is_met


@pytest.mark.parametrize(
    ("html", "outlook", "others"),
    [
        ("<!--[if mso]><p>a</p><![endif]-->b", "ab", "b"),
        ("<!--[if !mso]><!--><p>a</p><!--<![endif]-->b", "b", "ab"),
        ("<!--[if !mso]>--><p>a</p><!--<![endif]-->b", "b", "ab"),
        ("<![if !mso]><p>a</p><![endif]>b", "b", "ab"),
        ("<!--[if lte mso 11]><p>a</p><![endif]-->b", "b", "b"),
        ("<!--[if mso]> never closed --><p>a</p><!--[if mso]><p>b</p><![endif]-->c", "abc", "ac"),
        ("<!--[if !mso]><!--><p>a</p>b", "ab", "ab"),
        ("<!-- [if mso] --><p>a</p>", "a", "a"),
    ],
)
def test_conditional_comments_are_opened_for_outlook_alone(html: str, outlook: str, others: str) -> None:
    assert words(through("outlook-windows", page(f"<p>x</p>{html}")).html) == f"x{outlook}"
    for name in ("gmail", "apple-mail", "thunderbird"):
        assert words(through(name, page(f"<p>x</p>{html}")).html) == f"x{others}"


def test_many_comments_that_never_end_are_read_in_linear_time() -> None:
    for piece in ("<!--[if mso]>", "<![if mso]>", "<!--[if mso]><!-->", "<!--[if " + "(" * 50):
        assert len(outlook_view(piece * 5_000)) <= len(piece) * 5_000


# --- dark mode ----------------------------------------------------------------------------------------------

DARK = (
    "<style>p{color:#111111} @media (prefers-color-scheme: dark){p{color:#eeeeee}}"
    "@media (prefers-color-scheme: light){b{color:#222222}}</style>"
)


def test_by_preference_the_dark_rules_hold_in_the_dark_and_only_there() -> None:
    light = through("apple-mail", page("<p>x</p>", DARK)).html
    dark = through("apple-mail", page("<p>x</p>", DARK), dark=True).html
    assert "#eeeeee" not in light
    assert "#222222" in light
    assert "#eeeeee" in dark
    assert "#222222" not in dark
    assert "prefers-color-scheme" not in light + dark


def test_a_client_that_does_nothing_in_the_dark_shows_the_same() -> None:
    for name in ("gmail", "yahoo", "thunderbird"):
        html = page('<p style="color:#111111">x</p>', DARK)
        assert through(name, html, dark=True).html == through(name, html).html


@pytest.mark.parametrize(
    ("name", "value", "partial", "full"),
    [
        ("background-color", "#ffffff", "dark", "dark"),
        ("background-color", "#000000", "same", "light"),
        ("color", "#000", "light", "light"),
        ("color", "white", "same", "dark"),
        ("bgcolor", "#fffdf9", "dark", "dark"),
        ("background", "#fff url(a.png) no-repeat", "dark", "dark"),
        ("border-top", "1px solid #eee", "dark", "dark"),
        ("color", "rgba(0,0,0,.5)", "same", "same"),
        ("color", "inherit", "same", "same"),
        ("background", "transparent", "same", "same"),
        ("font-family", "black", "same", "same"),
        ("color", "not(a(colour", "same", "same"),
    ],
)
def test_colours_are_turned_by_what_they_are_for(name: str, value: str, partial: str, full: str) -> None:
    for mode, expected in ((DarkMode.PARTIAL, partial), (DarkMode.FULL, full)):
        new = turned_value(name, value, mode)
        found = re.search(r"#([0-9a-f]{6})", new) if new != value else None
        assert ("same" if found is None else "light" if int(found[1][:2], 16) > 127 else "dark") == expected
        assert found is None or ("url(a.png)" in new) == ("url(a.png)" in value)


def test_outlook_com_names_the_colours_that_it_turned_so_that_rules_for_them_hold() -> None:
    html = page('<div style="background-color:#ffffff;color:#000000"><p>x</p></div>')
    dark = through("outlook-com", html, dark=True).html
    assert 'data-ogsb="#ffffff"' in dark
    assert 'data-ogsc="#000000"' in dark
    assert "data-ogs" not in through("outlook-com", html).html
    assert "data-ogs" not in through("gmail-app", html, dark=True).html


def test_rules_written_for_the_dark_are_not_turned() -> None:
    css = "<style>[data-ogsc] p{color:#111111} p{color:#000000}</style>"
    dark = through("outlook-com", page("<p>x</p>", css), dark=True).html
    assert "#111111" in dark
    assert "#000000}" not in dark


@pytest.mark.parametrize(
    ("media", "light", "dark"),
    [
        ("screen", "screen", "screen"),
        ("(prefers-color-scheme: dark)", None, ""),
        ("(prefers-color-scheme:light)", "", None),
        ("(prefers-color-scheme: no-preference)", None, None),
        ("screen and (prefers-color-scheme: dark)", None, ""),
        (
            "(prefers-color-scheme: dark) and (max-width: 400px)",
            None,
            "(max-width: 400px)",
        ),
        ("print, (prefers-color-scheme: dark)", "print", ""),
        ("not all and (prefers-color-scheme: dark)",) * 3,
    ],
)
def test_a_query_for_colours_is_settled(media: str, light: str | None, dark: str | None) -> None:
    assert resolved_media(media, dark=False) == light
    assert resolved_media(media, dark=True) == dark


def test_gmails_app_knows_less_or_other_things_for_accounts_elsewhere() -> None:
    own, other = LENSES["gmail-app"].lacks.slugs, LENSES["gmail-imap"].lacks.slugs
    assert {"html-style", "css-at-media", "css-object-fit", "css-display-flex", "image-tiff"} <= other - own
    assert {"css-box-shadow", "image-svg"} <= own - other
    assert not {"css-display", "css-important", "css-comments"} & (own | other)


# --- text only ----------------------------------------------------------------------------------------------


def test_text_only_is_the_text_part_escaped() -> None:
    result = seen(page("<p>html</p>"), LENSES["text-only"], text="a < b & c\n<script>")
    assert "a &lt; b &amp; c\n&lt;script&gt;" in result.html
    assert "html</p>" not in result.html
    missing = seen(page("<p>html words</p>"), LENSES["text-only"])
    assert "html words" in missing.html
    assert any("no text part" in limit for limit in missing.limits)


# --- over the corpus ----------------------------------------------------------------------------------------


def missing(name: str, html: str) -> set[str]:
    """What of `html` the client of a lens lacks; for Gmail's app with another account more than the data says."""
    return set(lacking(html, LENSES[name].client)) | (set(uses(html)) & LENSES[name].lacks.slugs)


def check_lens(name: str, html: str, about: str, *, images: bool = True, dark: bool = False) -> None:
    """Shown is nothing that the client lacks, and through the lens again it stays as it is."""
    result = through(name, html, images=images, dark=dark)
    assert missing(name, result.html) == set(), about
    again = through(name, result.html, images=images, dark=dark)
    assert again.html == result.html, about


@pytest.mark.parametrize("name", OF_THE_DATA)
def test_what_a_lens_shows_of_an_email_uses_nothing_that_its_client_lacks(name: str) -> None:
    for number, (email, html) in enumerate((GOLDEN | from_feeds()).items()):
        check_lens(name, html, email, images=bool(number % 3), dark=bool(number % 2))


@pytest.mark.parametrize("name", OF_THE_DATA)
def test_what_a_lens_shows_of_any_feature_its_client_has(name: str) -> None:
    for number, (sample, html) in enumerate(of_features().items()):
        check_lens(name, html, sample, images=bool(number % 3), dark=bool(number % 2))


@pytest.mark.parametrize("name", OF_THE_DATA)
def test_a_client_that_supports_all_that_an_email_uses_shows_all_of_it(name: str) -> None:
    """No lens takes away what it need not: a page in which nothing is lacking, nor noted, comes out whole."""
    html = page(
        '<table role="presentation" width="600"><tr><td style="color:#111111;font-size:16px">words <b>bold</b></td></tr></table>'
    )
    result = through(name, html)
    assert result.changes == ()
    assert '<td style="color:#111111;font-size:16px">words <b>bold</b></td>' in result.html


@pytest.mark.parametrize("name", OF_THE_DATA)
def test_the_words_of_an_email_are_kept(name: str) -> None:
    for email, html in (GOLDEN | from_feeds()).items():
        view = outlook_view(html) if name == "outlook-windows" else html
        assert words(through(name, html).html) == words(view), email


def test_every_lens_says_what_it_cannot_show() -> None:
    assert all(lens.limits and lens.title for lens in LENSES.values())
    assert any("Word" in limit for limit in LENSES["outlook-windows"].limits)


def test_changes_are_counted_in_words() -> None:
    body = '<p style="border-radius:1px">a</p>' * 3
    assert through("outlook-windows", page(body)).changes == ("border-radius removed (3)",)
    assert through("apple-mail", page(body)).changes == ()


#: Pieces with a feature each, and some that no parser likes.
PIECES = st.sampled_from(
    [
        '<p style="display:grid;gap:1rem;color:rgba(0,0,0,.4)">grid</p>',
        '<div style="width:calc(100% - 2px);--x:1px;height:var(--x)">calc</div>',
        '<p style="inset:0;transform:rotate(3deg);text-shadow:0 0 1px #000">turned</p>',
        "<article><section><p>part</p></section></article>",
        "<details><summary>more</summary>less</details>",
        '<video src="a.mp4" poster="a.jpg"><source src="b.mp4">film</video>',
        "<audio controls>sound</audio>",
        '<picture><source srcset="a.webp" media="(prefers-color-scheme:dark)"><img src="a.png" alt="pic"></picture>',
        '<object data="a.pdf">paper</object>',
        "<svg><path d='M0 0'/><text>drawn</text></svg>",
        '<form><input type="checkbox"><select><option>1<option selected>2</select><textarea>t</textarea></form>',
        "<button type=reset>back</button><button type=submit>go</button>",
        "<ruby>字<rp>(</rp><rt>zi</rt><rp>)</rp></ruby><abbr title=x>ab</abbr><wbr><meter value=1>m</meter>",
        "<dialog open>d</dialog><p hidden>h</p><p popover>p</p><p aria-hidden=true>a</p>",
        '<a href="#x" target=_blank>down</a><a href="mailto:a@b.example">mail</a><a name=x></a>',
        '<img src="a.webp" srcset="b.avif 2x" loading=lazy alt="w" width=30 height=20><img src=a.tiff>',
        "<style>p{color:red} p:has(b){color:blue} @supports (gap:1px){p{gap:1px}}</style>",
        "<style>p{b{color:red} &:hover{color:blue}} @keyframes a{from{color:red}}</style>",
        "<style>@media (hover:hover) and (orientation:landscape){p::before{content:'x'}} @import 'a.css';</style>",
        "<style media='(prefers-color-scheme: dark)'>p + p, p ~ b, * , a[href^='x'], .a.b{color:light-dark(#000,#fff)}</style>",
        "<table align=center cellpadding=1 background=a.png bgcolor=white><tr><td valign=top width=3 style='padding:-1px'>c",
        "<marquee>m</marquee><blink>b</blink><font color=black>f</font><center>c</center>",
        "<ul reversed><li>l</ul><ol start=3><li value=4>n</ol><h2>h</h2><hr><pre>p</pre><code>c</code>",
        "<!--[if mso]><v:rect fillcolor=red><v:fill src=a.png /></v:rect><![endif]-->",
        "<p style=\"background:linear-gradient(red,blue),url('a.avif');cursor:url(a.cur),auto\">g</p>",
        "<p style='color:red;;:;x;font:12px/1 \"a;b\" !important;*zoom:1'>odd</p>",
        "<p style='width:10vw;height:3ch;margin:1vmin;top:1pc;font-size:clamp(1px,2vw,3px)'>units</p>",
        "<p><div><p>crossed</b></div></p></span>",
        "<td>alone<tr>row</td>",
        "<map name=m><area href=x></map><link rel=stylesheet href=a.css><base href=b><meta name=color-scheme content='light dark'>",
        "<style>p{color:red",
        "<p style='color:#123' lang=en dir=rtl role=note required>attrs</p>",
        "text & more &lt; text\u00a0\u202e",
        "<",
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(PIECES | st.sampled_from(list(pieces().values())), max_size=6),
    st.sampled_from(OF_THE_DATA),
    st.booleans(),
    st.booleans(),
)
def test_any_mixture_comes_out_supported_and_stays_as_it_is(
    parts: list[str], name: str, images: bool, dark: bool
) -> None:
    html = page("".join(parts))
    result = through(name, html, images=images, dark=dark)
    assert missing(name, result.html) == set()
    assert through(name, html, images=images, dark=dark) == result
    assert through(name, result.html, images=images, dark=dark).html == result.html


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80), st.sampled_from(list(LENSES)), st.booleans())
def test_no_text_makes_a_lens_fail(text: str, name: str, dark: bool) -> None:
    for html in (
        text,
        f"<style>{text}</style>",
        f'<p style="{text}">x</p>',
        f"<{text}>",
        f"<!--[if {text}]>",
    ):
        assert through(name, html, dark=dark).html
