"""The tags of site generators in Markdown, as Markdown and HTML that say the same.

    Hugo      {{< youtube ID >}}   {{% notice %}}words{{% /notice %}}   {{< figure src="a.png" caption="A bench" >}}
    Liquid    {% raw %}   {% highlight %}   {% include video id="ID" %}   {{ "/a.png" | relative_url }}

Players, figures and quoted posts become what they show.  Of a tag that is not known only the words between it and its
end stay, and a note names it.  Code, and what stands between {% raw %} and {% endraw %}, is never touched; nor are
braces that are neither Hugo's nor Liquid's.

The guarantee: no prose is lost, and nothing fails.  Pure; the result is not sanitised.

Sources: gohugo.io/shortcodes, jekyllrb.com/docs/liquid, mmistakes.github.io/minimal-mistakes/docs/helpers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import escape

from newsletter.articles.dialects import translate_dialects
from newsletter.articles.wording import inline_html

#: Where text begins that stays as it is; `_CLOSINGS` has what ends it, unless it is found here as a whole.
_VERBATIM = re.compile(
    r"""(?P<raw> \{%-?\s*raw\s*-?%\} )
    | (?P<comment> \{%-?\s*comment\s*-?%\} )
    | (?P<liquid> \{%-?\s*highlight\s+(?P<language>[\w+\#.-]+)[^%\n]{0,200}%\} )
    | (?P<hugo> \{\{[<%]\s*highlight\s+["'`]?(?P<hugo_language>[\w+\#.-]+)[^}\n]{0,200}[>%]\}\} )
    | ^(?P<fence> [ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(?P<ticks>`{3,}|~{3,})[^\n`]*$ )
    | (?P<indented> (?:\A|(?<=\n\n))(?:[ ]{4}|\t) )
    | (?P<span> (?<!`)(?P<tick>`+)(?!`)(?:(?!\n[ \t]*\n)[\s\S]){1,1000}?(?<!`)(?P=tick)(?!`) )
    | (?P<html> <!-- ) | <(?P<pre> pre|script|style )\b""",
    re.MULTILINE | re.IGNORECASE | re.VERBOSE,
)
_CLOSINGS = {
    "raw": re.compile(r"\{%-?\s*endraw\s*-?%\}"),
    "comment": re.compile(r"\{%-?\s*endcomment\s*-?%\}"),
    "liquid": re.compile(r"\{%-?\s*endhighlight\s*-?%\}"),
    "hugo": re.compile(r"\{\{[<%]\s*/\s*highlight\s*[>%]\}\}"),
    "html": re.compile(r"-->"),
    "pre": re.compile(r"</(?:pre|script|style)\s*>", re.IGNORECASE),
}
_INDENTED = re.compile(r"(?:[ \t]*\n|(?: {4}|\t)[^\n]*(?:\n|\Z))*")
_CONTINUED = re.compile(r"[ \t]|(?:[-*+]|\d{1,9}[.)])[ \t]|\[\^")

_QUOTED = r"\"[^\"\n]*\"|'[^'\n]*'|`[^`\n]*`"
_HUGO = re.compile(
    rf"\{{\{{[<%]\s*(?P<end>/)?\s*(?P<name>\w[\w./-]{{0,60}})"
    rf"(?P<arguments>(?:{_QUOTED}|(?![>%]\}}\}})[^\"'`]){{0,300}}?)/?\s*[>%]\}}\}}"
)
_HUGO_ESCAPED = re.compile(r"\{\{([<%])/\*(.{0,300}?)\*/([>%])\}\}")
_LIQUID = re.compile(
    rf"\{{%-?\s*(?P<name>\w{{1,40}})(?P<arguments>(?:{_QUOTED}|(?!%\}})[^\"'`]){{0,300}}?)-?%\}}"
)
_OUTPUT = re.compile(
    rf"\{{\{{-?\s*(?:(?P<literal>{_QUOTED})|(?P<variable>\w[\w.]*))\s*(?:\|[^{{}}\n]{{0,200}})?\}}\}}"
)
_SITE_VARIABLE = re.compile(r"(?:site|page|post|layout|include|paginator|content)\b")
_SITE_ADDRESS = frozenset({"site.baseurl", "site.url", "site.base_url", "site.baseUrl"})

_ARGUMENT = re.compile(
    r"(?:(?P<key>[\w-]+)\s*[=:]\s*)?(?:\"(?P<a>[^\"]*)\"|'(?P<b>[^']*)'|`(?P<c>[^`]*)`|(?P<d>[^\s\"'`,|]+))"
)
_PICTURE = re.compile(r"[^?#\n]+\.(?:png|jpe?g|gif|webp|svg|avif|bmp|tiff?)(?:[?#].*)?\Z", re.IGNORECASE)

#: Tags that steer what is between them, or draw the page around the post: nobody misses them.
_STEERING = frozenset(
    {
        "if",
        "unless",
        "else",
        "elsif",
        "elif",
        "case",
        "when",
        "for",
        "break",
        "continue",
        "cycle",
        "assign",
        "set",
    }
    | {
        "capture",
        "endraw",
        "layout",
        "extends",
        "block",
        "macro",
        "liquid",
        "increment",
        "decrement",
        "toc",
        "param",
    }
)


@dataclass(frozen=True, slots=True)
class _Arguments:
    """What is handed to a tag: by position, and by name (in small letters, without separators)."""

    listed: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)

    def get(self, *names: str, at: int | None = None) -> str:
        """The first argument that is there under one of `names`, or the one in place `at`."""
        found = next((self.named[name] for name in names if self.named.get(name)), "")
        return found or (self.listed[at] if at is not None and at < len(self.listed) else "")


def expand_shortcodes(text: str) -> tuple[str, tuple[str, ...]]:
    """`text` as plain Markdown and HTML, and notes on what had to be left out."""
    left_out: dict[str, None] = {}
    parts = [part if is_verbatim else _expanded(part, left_out) for part, is_verbatim in _parts(text)]
    return "".join(parts), tuple(f"left out: {tag}" for tag in left_out)


def _expanded(text: str, left_out: dict[str, None]) -> str:
    text = _HUGO.sub(lambda tag: _hugo(tag, left_out), text)
    text = _LIQUID.sub(lambda tag: _liquid(tag, left_out), text)
    text = _OUTPUT.sub(lambda tag: _output(tag, left_out), text)
    text = _HUGO_ESCAPED.sub(r"{{\1\2\3}}", text)  # after Hugo's tags, or it would become one
    return translate_dialects(text)


# ---- what is not touched


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it stays as it is."""
    start = at = 0
    unclosed: set[str] = set()
    while opening := _VERBATIM.search(text, at):
        kind = str(opening.lastgroup)
        found = None if kind in unclosed else _verbatim(text, opening, kind)
        if found is None:
            at = opening.start() + 1
            if kind in _CLOSINGS:
                unclosed.add(kind)  # so are all that follow: nothing is looked for in vain twice
            continue
        verbatim, at = found
        yield text[start : opening.start()], False
        yield verbatim, True
        start = at
    yield text[start:], False


def _verbatim(text: str, opening: re.Match[str], kind: str) -> tuple[str, int] | None:
    """What stands for the text from `opening` to its end, and where that is; None if it is not what it seemed."""
    if kind == "span":
        return opening[0], opening.end()
    if kind == "indented":
        if _CONTINUED.match(_line_above(text, opening.start())):
            return None  # not code: more of the item above
        end = _end(_INDENTED.match(text, opening.start()), text)
        return text[opening.start() : end], end
    if kind == "fence":
        closing = re.compile(rf"^[ \t>]*{opening['ticks']}[`~]*[ \t]*$", re.MULTILINE).search(
            text, opening.end()
        )
        end = _end(closing, text)
        return text[opening.start() : end], end
    end_tag = _CLOSINGS[kind].search(text, opening.end())
    if end_tag is None:
        return None
    inside = text[opening.end() : end_tag.start()]
    if kind == "raw":
        return inside, end_tag.end()
    if kind == "comment":
        return "", end_tag.end()
    if language := opening["language"] or opening["hugo_language"]:
        fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", inside)), default=0))
        return f"\n{fence}{language}\n{inside.strip(chr(10))}\n{fence}\n", end_tag.end()
    return text[opening.start() : end_tag.end()], end_tag.end()


def _end(match: re.Match[str] | None, text: str) -> int:
    return match.end() if match else len(text)


def _line_above(text: str, at: int) -> str:
    """The last line before `at` that is not empty."""
    while at > 0 and text[at - 1].isspace():
        at -= 1
    return text[text.rfind("\n", 0, at) + 1 : at]


# ---- tags


def _hugo(tag: re.Match[str], left_out: dict[str, None]) -> str:
    name = tag["name"].lower().rpartition("/")[2]
    if tag["end"]:
        return "</a>" if name in _BUTTONS else ""
    return _shown(tag, name, _arguments(tag["arguments"]), left_out)


def _liquid(tag: re.Match[str], left_out: dict[str, None]) -> str:
    name, arguments = tag["name"].lower(), tag["arguments"]
    if name in _STEERING or name.startswith("end"):
        return ""
    if name in ("include", "include_relative", "include_cached", "render"):
        name, _, arguments = arguments.strip().partition(" ")
        name = name.strip("\"',").rpartition("/")[2].partition(".")[0].lower()
    if name in ("post_url", "link"):
        return ""  # the address of another post of the site, within a link: its words stay
    return _shown(tag, name, _arguments(arguments), left_out)


def _output(tag: re.Match[str], left_out: dict[str, None]) -> str:
    """`{{ "words" | filter }}` as its words; a variable of the site is nothing; other braces stay."""
    if tag["literal"]:
        return tag["literal"][1:-1]
    if not _SITE_VARIABLE.match(tag["variable"]):
        return tag[0]
    if tag["variable"] not in _SITE_ADDRESS:
        left_out[tag[0]] = None
    return ""


def _arguments(text: str) -> _Arguments:
    arguments = _Arguments()
    for match in _ARGUMENT.finditer(text):
        value = next((match[name] for name in "abcd" if match[name] is not None), "")
        if match["key"]:
            arguments.named.setdefault(re.sub(r"[\W_]", "", match["key"].lower()), value)
        else:
            arguments.listed.append(value)
    return arguments


def _shown(tag: re.Match[str], name: str, arguments: _Arguments, left_out: dict[str, None]) -> str:
    """What a known tag shows; on lines of its own if the tag is alone on its line."""
    shown = _KNOWN[name](arguments) if name in _KNOWN else None
    if shown is None:
        if name not in _STEERING:
            left_out[re.sub(r"\s+", " ", tag[0]) if len(tag[0]) < 60 else f"{tag[0][:50]}..."] = None
        return ""
    line_start = tag.string.rfind("\n", 0, tag.start()) + 1
    before = tag.string[line_start : tag.start()]
    is_alone = not before.strip() and re.compile(r"[ \t]*(?:\n|\Z)").match(tag.string, tag.end())
    # An HTML block ends at an empty line only: what follows would not be Markdown any more.
    return f"\n{before}{shown}\n" if is_alone and shown else shown


def _youtube(arguments: _Arguments) -> str | None:
    found = re.search(r"(?:.*[/=])?([\w-]{6,20})\Z", arguments.get("id", "videoid", "src", "url", "v", at=0))
    return f'<iframe src="https://www.youtube.com/embed/{found[1]}"></iframe>' if found else None


def _vimeo(arguments: _Arguments) -> str | None:
    found = re.search(r"(\d{5,})\Z", arguments.get("id", "videoid", "src", "url", at=0))
    return f'<iframe src="https://player.vimeo.com/video/{found[1]}"></iframe>' if found else None


def _video(arguments: _Arguments) -> str | None:
    provider = arguments.get("provider", "type").lower()
    if provider == "vimeo":
        return _vimeo(arguments)
    source = arguments.get("src", "mp4", "url", "file", at=0)
    if re.search(r"\.(?:mp4|webm|mov|m4v|ogv)\Z", source, re.IGNORECASE):
        return f'<video src="{escape(source)}"></video>'
    return _youtube(arguments) if provider in ("", "youtube") and not source.startswith(("/", ".")) else None


def _audio(arguments: _Arguments) -> str | None:
    source = arguments.get("src", "mp3", "url", "file", at=0)
    return f'<audio src="{escape(source)}"></audio>' if "." in source else None


def _figure(arguments: _Arguments) -> str | None:
    source = arguments.get("src", "imagepath", "url", "path", "image", "file", "img", at=0)
    if not _PICTURE.match(source) and not re.match(r"https?://", source):
        return None
    caption = arguments.get("caption", "title", "attr")
    image = f'<img src="{escape(source)}" alt="{escape(arguments.get("alt", at=1))}">'
    if link := arguments.get("link", "href"):
        image = f'<a href="{escape(link)}">{image}</a>'
    words = caption if re.search(r"<\w", caption) else inline_html(caption)
    return f"<figure>{image}<figcaption>{words}</figcaption></figure>" if caption else image


def _address(*hosts: str) -> Callable[[_Arguments], str | None]:
    """A tag that shows something from another site: its address, as a link."""

    def shown(arguments: _Arguments) -> str | None:
        first = arguments.get("url", "href", "src", "link", at=0)
        if re.match(r"https?://[^\s<>]+\Z", first):
            return f"<{first}>"
        values = {
            "user": arguments.get("user", at=0),
            "id": arguments.get("id", at=1 if arguments.listed[1:] else 0),
        }
        if (
            not all(re.fullmatch(r"[\w.@-]+", value) for value in values.values() if value)
            or not values["id"]
        ):
            return None
        values["user"] = "" if values["user"] == values["id"] else values["user"]
        pattern = next((host for host in hosts if bool(values["user"]) == ("{user}" in host)), "")
        return f"<https://{pattern.format(**values)}>" if pattern else None

    return shown


def _button(arguments: _Arguments) -> str | None:
    target = arguments.get("href", "url", "link", "to", at=0)
    if not re.match(r"https?://|/|mailto:", target):
        return None
    words = arguments.get("text", "label", "title")
    return f'<a href="{escape(target)}">' + (f"{escape(words)}</a>" if words else "")


def _box(arguments: _Arguments) -> str:
    title = arguments.get("title", "summary", "header")
    return f"**{title}**\n" if title else ""


_BUTTONS = frozenset({"button", "btn", "cta"})
_KNOWN: dict[str, Callable[[_Arguments], str | None]] = {
    **dict.fromkeys(("youtube", "youtubelite", "youtube-lite", "yt", "youtube_embed"), _youtube),
    **dict.fromkeys(("vimeo", "vimeo_simple"), _vimeo),
    **dict.fromkeys(("video", "rawvideo"), _video),
    **dict.fromkeys(("audio", "rawaudio"), _audio),
    **dict.fromkeys(
        ("figure", "image", "img", "picture", "responsive_image", "lightbox", "imgproc"), _figure
    ),
    **dict.fromkeys(
        ("tweet", "twitter", "twitter_simple", "x", "x_simple"),
        _address("x.com/{user}/status/{id}", "x.com/i/status/{id}"),
    ),
    **dict.fromkeys(("instagram", "instagram_simple"), _address("www.instagram.com/p/{id}/")),
    **dict.fromkeys(("gist",), _address("gist.github.com/{user}/{id}", "gist.github.com/{id}")),
    **dict.fromkeys(("embed", "oembed", "link_preview", "github"), _address()),
    **dict.fromkeys(_BUTTONS, _button),
    **dict.fromkeys(
        ("details", "expand", "admonition", "notice", "callout", "alert", "hint", "note", "tip"), _box
    ),
    **dict.fromkeys(
        ("info", "warning", "danger", "important", "caution", "lead", "quote", "blockquote"), _box
    ),
    **dict.fromkeys(("ref", "relref"), lambda _arguments: ""),
    "br": lambda _arguments: "<br>",
}
