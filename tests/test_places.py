"""Where a finding is at home in the email."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.checks.finding import Finding
from newsletter.web.places import placed, with_places

PAGE = """<!DOCTYPE html><html><head><title>Rain</title></head><body>
<div class="masthead">Letter</div>
<h2><a href="https://example.com/1">Rain</a></h2><p id="rain">It rains. <a id="one" href="http://localhost/x">a link</a></p>
<h2 id="sun"><a href="https://example.com/2">Sun</a></h2>
<p id="two">It shines &amp; TODO. <a id="three" href="http://localhost/x">a link</a></p><img id="pic" src="cid:abc" alt="IMG_1.jpg">
<div id="foot" class="footer">Unsubscribe</div></body></html>"""
ARTICLES = {"a/01.md": ("Rain", "https://example.com/1"), "a/02.md": ("Sun", "https://example.com/2")}


@pytest.mark.parametrize(
    ("where", "message", "excerpt", "home"),
    [
        ("a/01.md:9", 'the link "a link" leads to http://localhost/x: no reader gets there', "", "one"),
        ("a/02.md:9", 'the link "a link" leads to http://localhost/x: no reader gets there', "", "three"),
        (
            "a/02.md:3",
            "TODO looks like a placeholder",
            "It shines & TODO. [a link](http://localhost/x)",
            "two",
        ),
        ("a/02.md:3", "TODO looks like a placeholder", "It shines &amp; TODO.", "two"),
        ("templates/digest/issue.mjml:9", "[X] was left in the theme", "<p>Unsubscribe [X]</p>", "foot"),
        ("a/02.md:3", "TODO looks like a placeholder", "**It shines** &amp; TODO.", "two"),
        (
            "a/02.md:3",
            "shines in an article",
            "<p>Something much longer, & TODO.</p><p>It shines &amp; TODO.</p>",
            "two",
        ),
        ("a/02.md:1", "the article was in an earlier issue", "id: x", "title"),
        ("a/02.md:4", "the alt text is a file name", '<img src="media/x.jpg" alt="IMG_1.jpg">', "pic"),
        ("templates/digest/inline.css:4", "a rule that does not reach", ".footer { color: red }", "foot"),
        ("templates/digest/inline.css:4", "a rule that does not reach", ".nothing { color: red }", ""),
        ("issue.md:2", "the subject is short", "subject: Hi", ""),
        ("issue.md:1", "the HTML has 120 kB", "", ""),
    ],
)
def test_a_finding_is_at_home_where_its_line_went(where: str, message: str, excerpt: str, home: str) -> None:
    finding = Finding("E1", where, message, excerpt=excerpt)
    page = with_places(PAGE, [finding], ARTICLES)
    found = re.findall(r"<(\w+)([^>]*) data-places=\"0\"", page)
    if not home:
        assert not found
        assert placed(PAGE, [finding], ARTICLES) == set()
    else:
        ((_, attributes),) = found
        assert (f'id="{home}"' in attributes) if home != "title" else ("example.com/2" in attributes)
        assert placed(PAGE, [finding], ARTICLES) == {0}


def test_findings_of_one_place_share_it_and_nothing_else_changes() -> None:
    twice = [Finding("E1", "a/01.md:9", "leads to http://localhost/x")] * 2
    page = with_places(PAGE, twice, ARTICLES)
    assert 'data-places="0 1"' in page
    assert page.startswith("<!DOCTYPE html>")
    assert page.replace(' data-places="0 1"', "") == with_places(PAGE, [], ARTICLES)


@given(st.text(), st.text(), st.text(), st.sampled_from(["a/01.md:1", "x.css:1", "issue.md", ""]))
def test_any_finding_in_any_page_is_looked_for_without_failing(
    html: str, message: str, excerpt: str, where: str
) -> None:
    finding = Finding("W1", where, message, excerpt=excerpt)
    assert placed(html, [finding], ARTICLES) <= {0}
    with_places(html, [finding], ARTICLES)
