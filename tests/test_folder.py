"""Folders of posts as site generators and note programs keep them: what is read, what is left out, what is never read."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles.article import Article, Reading, text_of
from newsletter.articles.attributes import Attributes, read_attributes
from newsletter.articles.fetch import Fetcher
from newsletter.articles.folder import read_file, read_folder
from newsletter.articles.frontmatter import split_front_matter
from newsletter.articles.markdown import render_markdown
from newsletter.articles.sanitize import sanitize
from newsletter.articles.shortcodes import expand_shortcodes
from newsletter.articles.source import local_folder, read_source
from newsletter.errors import SourceError

PNG = b"\x89PNG\r\n\x1a\n"


def write(root: Path, **files: str | bytes) -> None:
    """Files by path, with __ for / and the suffix after the last _."""
    for name, contents in files.items():
        put(root, re.sub(r"_(?=[a-z]+\Z)", ".", name.replace("__", "/")), contents)


def put(root: Path, name: str, contents: str | bytes = PNG) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())


def read(root: Path, base_url: str = "") -> Reading:
    return read_folder(root / "posts", root=root, base_url=base_url)


def post(root: Path, text: str, *, name: str = "posts/a.md", base_url: str = "") -> Article:
    put(root, name, text)
    return read_file(root / name, root=root, base_url=base_url).articles[0]


def attributes(head: str) -> Attributes:
    return read_attributes(split_front_matter(f"---\n{head}\n---\n", where="a.md"))


# ---- one post of each kind


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "---\ntitle: A Bench\ndate: 2024-05-03\n---\n\nWords with *stress*.\n"),
        ("a.markdown", "+++\ntitle = 'A Bench'\ndate = 2024-05-03\n+++\nWords with *stress*.\n"),
        ("a.mkd", "Title: A Bench\nDate: 2024-05-03\n\nWords with *stress*.\n"),
        ("a.md", "---\ndate: 2024-05-03\n---\n# A Bench\n\nWords with *stress*.\n"),
        ("2024-05-03-a-bench.md", "# A Bench\n\nWords with *stress*.\n"),
        ("a.html", "---\ntitle: A Bench\ndate: 2024-05-03\n---\n<p>Words with <em>stress</em>.</p>\n"),
        (
            "a.htm",
            "<!DOCTYPE html><html><head><title>A Bench</title><meta name=date content=2024-05-03></head>"
            "<body><nav>Home</nav><main><h1>A Bench</h1><p>Words with <em>stress</em>.</p></main></body></html>",
        ),
    ],
)
def test_every_kind_of_file_gives_the_same_post(tmp_path: Path, name: str, text: str) -> None:
    article = post(tmp_path, text, name=f"posts/{name}")
    assert (article.title, article.published) == ("A Bench", datetime(2024, 5, 3, tzinfo=UTC))
    assert article.html == "<p>Words with <em>stress</em>.</p>"
    assert article.id == f"path:posts/{name}"


def test_a_text_file_is_read_as_a_paste(tmp_path: Path) -> None:
    article = post(tmp_path, "A Bench\n\nBy A. Writer, May 3, 2024\n\nWords.\n", name="posts/a.txt")
    assert (article.title, article.author, article.html) == ("A Bench", "A. Writer", "<p>Words.</p>")
    fenced = post(tmp_path, "---\ntitle: B\n---\nA line\n\nAnd words.\n", name="posts/b.txt")
    assert (fenced.title, text_of(fenced.html)) == ("B", "And words.")


@pytest.mark.parametrize(
    ("name", "title", "published", "language"),
    [
        ("how-we-built_it.md", "How we built it", None, ""),
        ("2024-05-03-a-bench.md", "A bench", datetime(2024, 5, 3, tzinfo=UTC), ""),
        ("2024-05-03.md", "", datetime(2024, 5, 3, tzinfo=UTC), ""),
        ("2024-13-45-x.md", "2024 13 45 x", None, ""),
        ("a-bench/index.md", "A bench", None, ""),
        ("2024-05-03-a-bench/index.de.md", "A bench", datetime(2024, 5, 3, tzinfo=UTC), "de"),
        ("bank.pt-BR.md", "Bank", None, "pt-BR"),
        ("node.js.md", "Node.js", None, ""),
    ],
)
def test_a_file_name_says_what_front_matter_does_not(
    tmp_path: Path, name: str, title: str, published: datetime | None, language: str
) -> None:
    article = post(tmp_path, "Words.\n", name=f"posts/{name}")
    assert (article.title, article.published, article.language) == (title, published, language)


def test_front_matter_has_the_last_word(tmp_path: Path) -> None:
    head = "---\ntitle: T\ndate: 2020-01-01\nlang: en_GB\nguid: urn:x\n---\n"
    article = post(tmp_path, f"{head}# Another\n\nWords.\n", name="posts/2024-05-03-x.de.md")
    assert (article.id, article.title, article.language) == ("urn:x", "T", "en-GB")
    assert article.published == datetime(2020, 1, 1, tzinfo=UTC)
    assert article.html == "<h2>Another</h2><p>Words.</p>"


@pytest.mark.parametrize("mark", ["<!--more-->", "<!-- more -->", "<!-- truncate -->"])
def test_what_stands_above_the_more_mark_is_the_summary(tmp_path: Path, mark: str) -> None:
    article = post(tmp_path, f"# T\n\nThe *gist*.\n\n{mark}\n\nThe rest.\n")
    assert (article.summary, article.html) == ("The gist.", "<p>The <em>gist</em>.</p><p>The rest.</p>")
    described = post(tmp_path, f"---\ndescription: D\n---\nThe gist.\n\n{mark}\n\nThe rest.\n")
    assert described.summary == "D"


# ---- front matter of many generators


@pytest.mark.parametrize(
    ("head", "field", "value"),
    [
        ("author: A. Writer", "author", "A. Writer"),
        ("authors: [A. Writer, B. Writer]", "author", "A. Writer, B. Writer"),
        ("authors:\n- name: A. Writer\n  url: https://a.test\n- B. Writer", "author", "A. Writer, B. Writer"),
        ("author: {name: A. Writer, email: a@a.test}", "author", "A. Writer"),
        ("author: no", "author", ""),
        ("params:\n  author: A. Writer", "author", "A. Writer"),
        ("pubDate: 2024-05-03", "published", datetime(2024, 5, 3, tzinfo=UTC)),
        ("publish_date: May 3, 2024", "published", datetime(2024, 5, 3, tzinfo=UTC)),
        ("Date: 2024-05-03 10:00:00 +0200", "published", datetime(2024, 5, 3, 8, tzinfo=UTC)),
        ("published: true\ncreated: 2024-05-03", "published", datetime(2024, 5, 3, tzinfo=UTC)),
        ("published: 2024-05-03", "published", datetime(2024, 5, 3, tzinfo=UTC)),
        ("date: soon", "published", None),
        ("description: Plain & <b>bold</b> [x](/y)", "summary", "Plain & bold x"),
        ("excerpt: 5 < 6 and 7 > 3", "summary", "5 < 6 and 7 > 3"),
        ("tags: [a, B]\ncategories: b, c", "tags", ("a", "B", "c")),
        ("taxonomies:\n  tags: [a]", "tags", ("a",)),
        ("image: a.png", "image", "a.png"),
        ("cover: {image: a.png, alt: An A}", "image", "a.png"),
        ("cover: {image: a.png, alt: An A}", "image_alt", "An A"),
        ("featuredImage: a.png\nfeaturedImageAlt: An A", "image_alt", "An A"),
        ("images: [a.png, b.png]", "image", "a.png"),
        ("header:\n  teaser: /a.png", "image", "/a.png"),
        ("banner: '![[a.png]]'", "image", "a.png"),
        ("image: false", "image", ""),
        ("hero: blue", "image", ""),
        ("locale: de_DE.UTF-8", "language", "de-DE"),
        ("lang: in English", "language", ""),
        ("permalink: /a/b/", "address", "/a/b/"),
        ("canonical_url: https://a.test:8080/b?c=1", "address", "https://a.test:8080/b?c=1"),
        ("permalink: /:year/:title/", "address", ""),
        ("permalink: '/{{ page.fileSlug }}/'", "address", ""),
        ("permalink: pretty", "address", ""),
        ("permalink: false", "address", ""),
        ("draft: true", "is_draft", True),
        ("published: false", "is_draft", True),
        ("status: Draft", "is_draft", True),
        ("draft: false\npublished: true\nstatus: published", "is_draft", False),
    ],
)
def test_front_matter_is_read_as_its_generator_means_it(head: str, field: str, value: object) -> None:
    assert getattr(attributes(head), field) == value


def test_a_field_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    write(
        tmp_path, posts__a_md="---\ntitle: T\ndate: 01/02/2024\ntags: [[x]]\nunknown: {a: [1]}\n---\nWords.\n"
    )
    reading = read(tmp_path)
    assert [article.title for article in reading.articles] == ["T"]
    assert reading.notes == (
        "posts/a.md:3: date is not a date, or could be two: 01/02/2024",
        "posts/a.md:4: tags must be a list of texts",
    )


def test_a_key_for_an_author_is_looked_up_above_the_posts(tmp_path: Path) -> None:
    put(tmp_path, "_data/authors.yml", "first:\n  name: A. Writer\nsecond: B. Writer\n")
    assert (
        post(tmp_path, "---\nauthors: [first, second, third]\n---\nx\n").author
        == "A. Writer, B. Writer, third"
    )


@pytest.mark.parametrize(
    ("head", "base_url", "url"),
    [
        ("permalink: /a/", "https://a.test/blog/", "https://a.test/a/"),
        ("permalink: /a/", "", ""),
        ("url: https://b.test/a", "", "https://b.test/a"),
        ("link: 'javascript:alert(1)'", "https://a.test/", ""),
        ("title: x", "https://a.test/", ""),
    ],
)
def test_the_address_of_a_post_is_absolute_or_empty(
    tmp_path: Path, head: str, base_url: str, url: str
) -> None:
    assert post(tmp_path, f"---\n{head}\n---\nx\n", base_url=base_url).url == url


# ---- what is in a folder


def test_a_folder_is_read_in_the_order_of_its_paths_without_what_is_no_post(tmp_path: Path) -> None:
    for name in ("b.md", "a/index.md", "a.txt", "c.HTML", "_posts/d.md"):
        put(tmp_path, f"posts/{name}", f"Words of {name}.\n")
    for name in (
        ".hidden.md",
        "_index.md",
        "README.md",
        "Changelog.md",
        "_drafts/x.md",
        ".git/x.md",
        "node_modules/x.md",
    ):
        put(tmp_path, f"posts/{name}", "Not a post.\n")
    put(tmp_path, "posts/data.json", "{}")
    put(tmp_path, "posts/draft.md", "---\ndraft: true\n---\nx\n")
    reading = read(tmp_path)
    assert [article.id for article in reading.articles] == [
        f"path:posts/{name}" for name in ("_posts/d.md", "a/index.md", "a.txt", "b.md", "c.HTML")
    ]
    assert reading.notes == ("posts/draft.md: a draft, left out",)


def test_one_bad_file_costs_only_itself(tmp_path: Path) -> None:
    bad: dict[str, tuple[str | bytes, str]] = {
        "colon.md": ("---\ntitle: Foo: bar\n---\nx", "posts/colon.md:2: a colon with a space"),
        "empty.md": ("---\n---\n\n", "posts/empty.md: it is empty"),
        "nul.md": (b"\x00\x01\x02", "posts/nul.md: not a text"),
        "utf16.md": (b"\xff\xfea", "posts/utf16.md: not valid UTF-16"),
        "large.md": (b"x" * (10 * 1024 * 1024 + 1), "posts/large.md: too large: 10 MB"),
        "open.md": ("---\ntitle: x\n", "posts/open.md:1: the front matter has no closing ---"),
    }
    for name, (contents, _) in bad.items():
        put(tmp_path, f"posts/{name}", contents)
    put(tmp_path, "posts/good.md", "Words.\n")
    reading = read(tmp_path)
    assert [article.html for article in reading.articles] == ["<p>Words.</p>"]
    for (name, (_, note)), noted in zip(sorted(bad.items()), reading.notes, strict=True):
        assert noted.startswith(note)
        with pytest.raises(SourceError):
            read_file(tmp_path / "posts" / name, root=tmp_path)


def test_an_empty_folder_is_no_error_and_a_missing_one_is(tmp_path: Path) -> None:
    (tmp_path / "posts").mkdir()
    assert read(tmp_path) == Reading(())
    with pytest.raises(SourceError, match="there is no such folder") as caught:
        read_folder(tmp_path / "nowhere", root=tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["posts/a.docx", "posts/none.md"])
def test_what_is_no_post_is_an_error_for_one_file(tmp_path: Path, name: str) -> None:
    put(tmp_path, "posts/a.docx", b"PK")
    with pytest.raises(SourceError) as caught:
        read_file(tmp_path / name, root=tmp_path)
    assert caught.value.where == name


def test_no_post_is_lost_to_another_with_the_same_id(tmp_path: Path) -> None:
    write(tmp_path, posts__a_md="---\nid: 1\n---\nOne.\n", posts__b_md="---\nid: 1\n---\nTwo.\n")
    reading = read(tmp_path)
    assert [article.id for article in reading.articles] == ["1", "path:posts/b.md"]
    assert "also that of another post" in reading.notes[0]


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ("Für 東京.", ""),
        ("\ufeffFür 東京.", ""),
        ("Für 東京.".encode("utf-16"), ""),
        ("Für 東京.\r\n", ""),
        ("Für “all”.".encode("cp1252"), "posts/a.md: not UTF-8; read as Windows-1252"),
    ],
)
def test_a_file_is_read_in_the_encoding_it_is_in(tmp_path: Path, body: str | bytes, note: str) -> None:
    put(tmp_path, "posts/a.md", body)
    reading = read(tmp_path)
    assert reading.articles[0].html in ("<p>Für 東京.</p>", "<p>Für “all”.</p>")
    assert reading.notes == ((note,) if note else ())


def test_a_folder_outside_of_the_root_can_be_read(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/a.md", "Words.\n")
    (tmp_path / "publication").mkdir()
    (article,) = read_folder(tmp_path / "elsewhere", root=tmp_path / "publication").articles
    assert article.id == "path:../elsewhere/a.md"


# ---- pictures


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("a.png", "posts/a.png"),
        ("./a.png", "posts/a.png"),
        ("img/a%20b.png", "posts/img/a b.png"),
        ("img\\a.JPG", "posts/img/a.JPG"),
        ("../media/a.png?raw=true#x", "media/a.png"),
        ("/media/a.png", "media/a.png"),
        ("/img/a.png", "static/img/a.png"),
        ("/a.webp", "public/a.webp"),
        ("/a.png", "posts/a.png"),
        ("a.png", "posts/a/a.png"),
        ("a.png", "attachments/a.png"),
        ("ü&\"'.png", "posts/ü&\"'.png"),
    ],
)
def test_a_picture_is_found_where_the_site_would_find_it(tmp_path: Path, source: str, file: str) -> None:
    put(tmp_path, file)
    escaped = source.replace("&", "&amp;").replace('"', "&quot;")
    article = post(tmp_path, f'Words.\n\n<img src="{escaped}" alt="A">\n')
    assert article.image is not None
    assert article.image.url == file
    assert unescape(article.html) == f'<p>Words.</p><p><img src="{file}" alt="A"></p>'.replace(
        '"posts/ü&"', '"posts/ü&"'
    )


def test_a_path_from_the_top_of_the_site_begins_there(tmp_path: Path) -> None:
    put(tmp_path, "static/img/a.png")
    put(tmp_path, "posts/img/a.png")
    article = post(tmp_path, "Words ![](/img/a.png) ![](img/a.png)\n")
    assert (
        article.html == '<p>Words <img src="static/img/a.png" alt=""> <img src="posts/img/a.png" alt=""></p>'
    )


def test_markdown_obsidian_and_front_matter_find_pictures_too(tmp_path: Path) -> None:
    put(tmp_path, "posts/a b.png")
    put(tmp_path, "posts/c.png")
    article = post(tmp_path, "---\ncover: c.png\ncover_alt: C\n---\n![](<a b.png>) and ![[a b.png|80]]\n")
    assert article.image is not None
    assert (article.image.url, article.image.alt) == ("posts/c.png", "C")
    assert (
        article.html
        == '<p><img src="posts/a b.png" alt=""> and <img src="posts/a b.png" alt="" width="80"></p>'
    )


def test_a_picture_at_the_top_is_not_shown_twice(tmp_path: Path) -> None:
    put(tmp_path, "posts/a.png")
    assert post(tmp_path, "---\nimage: a.png\n---\n![A](a.png)\n\nWords.\n").html == "<p>Words.</p>"
    assert post(tmp_path, "![A](a.png)\n\nWords.\n").html == "<p>Words.</p>"


def test_a_missing_picture_is_on_the_site_or_noted(tmp_path: Path) -> None:
    text = "---\nimage: b.png\n---\n![A](a.png) Words ![](https://x.test/c.png)\n"
    write(tmp_path, posts__a_md=text)
    reading = read(tmp_path)
    assert reading.articles[0].html == '<p>Words <img src="https://x.test/c.png" alt=""></p>'
    assert reading.notes == ("posts/a.md: no picture a.png", "posts/a.md: no picture b.png")
    on_site = read(tmp_path, "https://a.test/").articles[0]
    assert on_site.image is not None
    assert on_site.image.url == "https://a.test/b.png"
    assert "https://a.test/a.png" in on_site.html
    assert read(tmp_path, "https://a.test/").notes == ()


@pytest.mark.parametrize("source", [
    *["../secret.png", "../../secret.png", "/../secret.png", "link.png", "up/secret.png", ".hidden.png", "notes.txt"],
    *["..%2Fsecret.png", "%00.png", "a" * 5000 + ".png", "/", "..", "secret.link.png", "file:///etc/hostname", "/etc/hostname"],
])  # fmt: skip
def test_no_file_outside_of_the_root_and_no_other_file_is_ever_shown(tmp_path: Path, source: str) -> None:
    root = tmp_path / "root"
    put(tmp_path, "secret.png")
    put(root, "posts/.hidden.png")
    put(root, "posts/notes.txt", "secret")
    os.symlink(tmp_path / "secret.png", root / "posts/link.png")
    os.symlink(tmp_path, root / "posts/up")
    os.symlink(root / "posts/notes.txt", root / "posts/secret.link.png")
    article = post(root, f"---\nimage: '{source}'\n---\nWords. <img src='{source}'>\n")
    assert (article.image, article.html) == (None, "<p>Words.</p>")


def test_a_post_that_is_a_link_to_a_file_elsewhere_is_not_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(tmp_path, "secret.md", "Secret.\n")
    put(root, "posts/inside.md", "Words.\n")
    put(root, "_data/x", "")
    os.symlink(tmp_path / "secret.md", root / "posts/link.md")
    os.symlink(tmp_path, root / "posts/folder")
    os.symlink(root / "posts/inside.md", root / "posts/other.md")
    reading = read(root)
    assert [article.html for article in reading.articles] == ["<p>Words.</p>", "<p>Words.</p>"]
    assert reading.notes == ("posts/link.md: a link to a file outside of the publication",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "posts").mkdir()
    os.mkfifo(tmp_path / "posts/a.md")
    assert read(tmp_path).notes == ("posts/a.md: there is no such file",)


def test_links_lead_to_the_site_or_nowhere(tmp_path: Path) -> None:
    text = "[a](/about) [b](other.md) [c](https://c.test/) [d](mailto:d@d.test)\n"
    kept = '<a href="https://c.test/">c</a> <a href="mailto:d@d.test">d</a>'
    assert post(tmp_path, text).html == f"<p>a b {kept}</p>"
    on_site = post(tmp_path, text, base_url="https://a.test/").html
    assert on_site == f'<p><a href="https://a.test/about">a</a> b {kept}</p>'


# ---- Markdown


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("# A\n\n*b* **c** `d`", "<h1>A</h1>\n<p><em>b</em> <strong>c</strong> <code>d</code></p>\n"),
        ("~~a~~", "<p><s>a</s></p>\n"),
        ("a[^1]\n\n[^1]: note", '<p>a<sup>[1]</sup></p>\n<hr class="footnotes-sep" />\n<section class="footnotes">\n<ol class="footnotes-list">\n<li id="fn1" class="footnote-item"><p>note</p>\n</li>\n</ol>\n</section>\n'),
        ("- [ ] a\n- [x] b\n- [y] c", "<ul>\n<li>☐ a</li>\n<li>☑ b</li>\n<li>[y] c</li>\n</ul>\n"),
        ("https://a.test/b_c_d.", '<p><a href="https://a.test/b_c_d">https://a.test/b_c_d</a>.</p>\n'),
        ("[https://a.test](https://b.test) <a href='x'>https://a.test</a> `https://a.test`", "<p><a href=\"https://b.test\">https://a.test</a> <a href='x'>https://a.test</a> <code>https://a.test</code></p>\n"),
        ("a -- b ... \"c\"", "<p>a -- b ... &quot;c&quot;</p>\n"),
        ("<div>raw</div>", "<div>raw</div>"),
        ("T\n: D", "<dl>\n<dt>T</dt>\n<dd>D</dd>\n</dl>\n"),
    ],
)  # fmt: skip
def test_markdown_is_commonmark_with_what_writers_expect(markdown: str, html: str) -> None:
    assert render_markdown(markdown) == html


def test_deep_lists_and_quotes_keep_their_words() -> None:
    deep = "".join("  " * n + f"- word{n}\n" for n in range(40))
    assert re.findall(r"word\d+", render_markdown(deep)) == [f"word{n}" for n in range(40)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Hugo
        ("{{< youtube w7Ft2ymGmfc >}}", '<iframe src="https://www.youtube.com/embed/w7Ft2ymGmfc"></iframe>'),
        ('{{< youtube id="w7Ft2ymGmfc" start=3 >}}', '<iframe src="https://www.youtube.com/embed/w7Ft2ymGmfc"></iframe>'),
        ("{{< vimeo 55073825 >}}", '<iframe src="https://player.vimeo.com/video/55073825"></iframe>'),
        ('{{< figure src="a b.png" alt="A" caption="C **d**" >}}', '<figure><img src="a b.png" alt="A"><figcaption>C <strong>d</strong></figcaption></figure>'),
        ("{{< gist user 123abc >}}", "<https://gist.github.com/user/123abc>"),
        ('{{< tweet user="u" id="123" >}}', "<https://x.com/u/status/123>"),
        ("{{% notice tip %}}*words*{{% /notice %}}", "*words*"),
        ('a [b]({{< ref "c.md" >}})', "a [b]()"),
        ("{{< button href='https://a.test' >}}Go{{< /button >}}", '<a href="https://a.test">Go</a>'),
        ("{{</* youtube x */>}}", "{{< youtube x >}}"),
        ('{{< highlight go "linenos=table" >}}\n{{ x }}\n{{< /highlight >}}', "```go\n{{ x }}\n```"),
        # Liquid
        ("{% raw %}{{ x | y }}{% endraw %}", "{{ x | y }}"),
        ("{% highlight ruby %}\nputs 1\n{% endhighlight %}", "```ruby\nputs 1\n```"),
        ('![a]({{ "/a.png" | relative_url }})', "![a](/a.png)"),
        ("![a]({{ site.baseurl }}/a.png)", "![a](/a.png)"),
        ("{% if a %}b{% else %}c{% endif %}", "bc"),
        ("{% comment %}a{% endcomment %}b", "b"),
        ("[a]({% post_url 2024-05-03-b %})", "[a]()"),
        ('{% include video id="XsxDH4HcOWA" provider="youtube" %}', '<iframe src="https://www.youtube.com/embed/XsxDH4HcOWA"></iframe>'),
        ('{% include figure image_path="/a.png" %}', '<img src="/a.png" alt="">'),
        # kramdown, Pandoc
        ("a\n{: .lead}\n", "a"),
        ("## A {#b}", "## A"),
        ("![](a.png){width=50%}", "![](a.png)"),
        ("* TOC\n{:toc}\n\na", "a"),
        # Obsidian
        ("[[A note]] [[a/B#C|d]] [[B#C]]", "A note d B: C"),
        ("![[a b.png|300]]", '<img src="a b.png" alt="" width="300">'),
        ("> [!tip] Look\n> words", "> **Look**\n>\n> words"),
        ("> [!NOTE]\n> words", "> **Note**\n>\n> words"),
        ("==a== %%secret%% b", "<mark>a</mark>  b"),
        # MDX, Docusaurus, WordPress
        ('import A from "./a"\nimport {B} from \'b\';\n\nwords', "words"),
        ("export const a = {\n  b: 1,\n}\n\nwords", "words"),
        ("a {/* b */} c", "a  c"),
        (":::tip Look\nwords\n:::", "**Look**\n\nwords"),
        ('[caption id="x"]<img src="a.png"> A[/caption]', '<img src="a.png"> A'),
    ],
)  # fmt: skip
def test_the_signs_of_generators_mean_what_they_show(text: str, expected: str) -> None:
    assert expand_shortcodes(text)[0].strip() == expected


@pytest.mark.parametrize(
    "text",
    [
        "`{{< youtube w7Ft2ymGmfc >}}` and `[[a]]`",
        "```\n{{< youtube w7Ft2ymGmfc >}}\n{% if %}\n```",
        "- a\n\n  ~~~\n  [[a]]\n  ~~~",
        "a\n\n    {% include x %}\n    [[a]]\n\nb",
        "<pre>[[a]] ==b==</pre>",
        "<!-- [[a]] -->",
        "{{ name }} and {% and {{< and [[ and ]] and {: and ==",
        "a == b, c == d; x[[1]]; [[1]]; if [[ -f a ]]; 100%% sure",
        "[[a]](https://a.test) [[a]][b]",
        "f'{x:d}' {a: 1} {.b}c",
        "They import a lot from 'there'.",
        "> [link] words",
    ],
)
def test_code_and_what_only_looks_like_a_sign_stays(text: str) -> None:
    assert expand_shortcodes(text) == (text, ())


def test_a_player_alone_on_its_line_does_not_swallow_the_markdown_below(tmp_path: Path) -> None:
    article = post(tmp_path, "{{< youtube w7Ft2ymGmfc >}}\n*Words*.\n")
    assert "<p><em>Words</em>.</p>" in article.html
    assert "https://www.youtube.com/watch?v=w7Ft2ymGmfc" in article.html


def test_what_had_to_be_left_out_is_noted_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        posts__a_md="{{< tabs >}}a{{< /tabs >}} {{< tabs >}}b{{< /tabs >}} {% include c.html %} {{ page.d }}\n",
    )
    reading = read(tmp_path)
    assert reading.articles[0].html == "<p>a b</p>"
    assert reading.notes == tuple(
        f"posts/a.md: left out: {tag}" for tag in ("{{< tabs >}}", "{% include c.html %}", "{{ page.d }}")
    )


def test_what_a_post_brings_along_is_sanitised(tmp_path: Path) -> None:
    article = post(
        tmp_path,
        "<script>alert(1)</script><p onclick=x>a</p> <a href='javascript:alert(1)'>b</a> <img src=x onerror=y>\n",
    )
    assert article.html == "<p>a</p><p>b</p>"


@pytest.mark.parametrize(
    "text",
    [
        "{{< a " * 1500,
        "{% raw %}" * 1500,
        "{/*" * 1500,
        "[[a" * 1500,
        "`" * 8000,
        "- a\n\n" + "    b\n\n" * 1500,
        "::: a\n" * 1500,
        "%% " * 1500,
        "# " + " " * 50_000 + "x",
        "<a '" * 1500,
    ],
    ids=lambda text: text[:8],
)
def test_no_post_takes_long(tmp_path: Path, text: str) -> None:
    started = time.process_time()
    post(tmp_path, f"Words.\n\n{text}")
    assert time.process_time() - started < 6


WORDS = st.sampled_from(
    ["bench", "River", "über", "東京", "*bold*", "_it_", "`code`", "https://example.com/", "1984", "don’t"]
)
SIGNS = st.sampled_from([
    *["", "", "", "- ", "1. ", "> ", "# ", "## ", "    ", "> [!tip] ", ":::note ", "[ ] ", "| ", "==", "100%", "{", "}"],
    *["{{< tabs >}}", "{{< /tabs >}}", "{% if x %}", "{% endif %}", "{: .x}", "[[", "]]", "{{ x }}", "{#a}", "<b>", "</b>", "<!--more-->"],
])  # fmt: skip
TEXTS = st.lists(
    st.builds(
        lambda sign, words, end: sign + " ".join(words) + end, SIGNS, st.lists(WORDS, max_size=6), SIGNS
    ),
    max_size=8,
).map("\n".join)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_no_word_of_a_post_is_lost(text: str) -> None:
    html = render_markdown(expand_shortcodes(text)[0])
    words = set(re.findall(r"bench|River|über|東京|bold|code|1984|don’t", text))
    assert words <= set(re.findall(r"bench|River|über|東京|bold|code|1984|don’t", text_of(sanitize(html))))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=100) | TEXTS)
def test_any_text_is_a_post(text: str) -> None:
    html = sanitize(render_markdown(expand_shortcodes(text)[0]))
    assert sanitize(html) == html


# ---- sources outside of the publication


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder of posts with a picture, beside a publication that has a picture of the same name."""
    for folder in (tmp_path / "site", tmp_path / "elsewhere"):
        folder.mkdir()
        (folder / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "above.png").write_bytes(b"\x89PNG")
    (tmp_path / "elsewhere" / "post.md").write_text(
        "# T\n\nWords ![A](a.png)\n\n![B](../above.png) ![C](no.png)\n"
    )
    return tmp_path / "elsewhere"


def test_pictures_of_a_post_elsewhere_have_paths_that_name_no_file_of_the_publication(
    elsewhere: Path,
) -> None:
    root = elsewhere.parent / "site"
    for reading in (read_file(elsewhere / "post.md", root=root), read_folder(elsewhere, root=root)):
        (article,) = reading.articles
        assert article.image is not None
        assert article.image.url == (elsewhere / "a.png").as_posix()
        assert [note.partition(": ")[2] for note in reading.notes] == [
            "no picture ../above.png",
            "no picture no.png",
        ]
        assert "above" not in article.html


def test_posts_elsewhere_with_the_same_name_are_two(elsewhere: Path) -> None:
    other = elsewhere / "other"
    other.mkdir()
    (other / "post.md").write_text("# Another\n\nOther words.\n")
    root = elsewhere.parent / "site"
    ids = {read_file(folder / "post.md", root=root).articles[0].id for folder in (elsewhere, other)}
    assert ids == {"path:../elsewhere/post.md", "path:../elsewhere/other/post.md"}


def test_pictures_of_a_post_in_the_publication_keep_their_paths_below_it(elsewhere: Path) -> None:
    root = elsewhere.parent
    (article,) = read_file(elsewhere / "post.md", root=root).articles
    assert article.image is not None
    assert article.image.url == "elsewhere/a.png"


@pytest.mark.parametrize(("location", "folder"), [("posts", "posts"), ("posts/a.md", "posts"), ("a.md", "")])
def test_a_local_source_is_in_a_folder(tmp_path: Path, location: str, folder: str) -> None:
    (tmp_path / "posts").mkdir()
    assert local_folder(location, root=tmp_path) == tmp_path / folder
    assert local_folder(str(tmp_path / location), root=Path("/")) == tmp_path / folder


def test_a_source_on_the_network_is_in_no_folder(tmp_path: Path) -> None:
    assert local_folder("https://example.com/posts", root=tmp_path) is None


def test_a_single_post_says_what_was_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# T\n\n![A](no.png) words\n")
    fetcher = Fetcher(tmp_path / "cache")
    reading = read_source("a.md", kind="", root=tmp_path, base_url="", fetcher=fetcher)
    assert reading.notes == ("a.md: no picture no.png",)


def test_a_link_of_the_posts_own_picture_stays_if_it_leads_elsewhere(tmp_path: Path) -> None:
    head = "---\ntitle: T\nimage: https://pictures.example/i.jpg\n---\n"
    body = "[![A bench](https://pictures.example/i.jpg)](https://fair.example/)\n\nWords.\n"
    article = post(tmp_path, head + body, base_url="https://blog.example")
    assert article.html == '<p><a href="https://fair.example/">A bench</a></p><p>Words.</p>'
