"""An issue's pictures: what readers see of them, and what they cost.

    E14x   nobody sees it: no file, an address within a private network, bytes within the address
    W24x   some do not, or not as it was meant: formats, widths, weights, descriptions that describe nothing

An empty description (`alt=""`) says that a picture is an ornament, and is no finding here.  Of a picture on the web only
what its address says is known; `online` asks for it.

Nothing here fails.  Pure.
Source: caniemail.com, "Image formats", for what shows which format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from newsletter.articles.link import WEB, absolute_url
from newsletter.checks.finding import Finding
from newsletter.checks.links import why_private
from newsletter.checks.references import (
    Origin,
    Shown,
    parts_of_address,
    pictures,
    place,
    shortened,
    written_images,
)
from newsletter.checks.subject import Subject

CODES: Mapping[str, str] = {
    "E140": "A picture has no alt attribute: programs read out its file name, or nothing",
    "E141": "A picture is not there: its file is missing, or its address is empty or relative",
    "E142": "A picture is on this machine, in a private network or under a name that does not exist",
    "E143": "A picture stands within its own address (data:), which Gmail and Outlook do not show",
    "W240": "The description of a picture (alt) is the name of a file, or says nothing",
    "W241": "A picture has no width: Outlook for Windows draws it as large as its file is",
    "W242": "A picture is drawn wider than the email, which Outlook for Windows tears apart",
    "W243": "A picture has an http:// address, which many programs refuse to load",
    "W244": "The format of a picture is one that some email programs do not show (SVG, WebP, AVIF, HEIC, TIFF, BMP, ICO)",
    "W245": "A picture of the issue weighs more than 500 kB",
    "W246": "More than 50 pictures are loaded from the web",
    "W247": "An animated GIF weighs more than 1 MB",
}

HEAVIEST = 500_000
HEAVIEST_ANIMATION = 1_000_000
MOST_REMOTE = 50

#: By the ending of the name: what it is called, and what does not show it.
_SHOWN_NOT_BY = {
    "svg": ("SVG", "Gmail"),
    "svgz": ("SVG", "Gmail"),
    "webp": ("WebP", "Outlook for Windows"),
    "avif": ("AVIF", "Outlook for Windows"),
    "heic": ("HEIC", "Outlook, Thunderbird and others"),
    "heif": ("HEIF", "Outlook, Thunderbird and others"),
    "tif": ("TIFF", "Outlook, Yahoo, Thunderbird and others"),
    "tiff": ("TIFF", "Outlook, Yahoo, Thunderbird and others"),
    "ico": ("ICO", "Outlook for Windows"),
}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ENDING = re.compile(r"\.([A-Za-z0-9]{2,5})\Z")
#: What servers of pictures are told to send instead of the format that a name says.
_CONVERTED = re.compile(
    r"\bf_(?:auto|jpe?g|png)\b|\b(?:fm|format|output)[=/,](?:auto|jpe?g|png|gif)|\bformat:(?:jpe?g|png|gif)",
    re.I,
)
_CONVERTS_TO = re.compile(r"\b(?:fm|format|output)=(webp|avif)\b", re.I)

_FILE_NAME = re.compile(r"\S(?:.*\S)?\.(?:jpe?g|png|gif|webp|avif|svg|heic|bmp|tiff?)", re.I)
_CAMERA_NAME = re.compile(
    r"(?:img|dsc[nf]?|p|pxl|mvi|dji|gopr|image|photo|picture|pic|bild|foto|screenshot|screen shot|bildschirmfoto|scan"
    r"|untitled|unnamed|download|capture|whatsapp image)[\s_.(-]*(?:\d[\d\s_.:()-]*(?:at|um)?[\d\s_.:()apm-]*)?",
    re.I,
)
_FINGERPRINT = re.compile(r"(?=\S*\d)(?=\S*[a-f])[0-9a-f_-]{16,}", re.I)
_SEPARATED = re.compile(r"\w+(?:[-_]\w+)+")
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_FRAME = re.compile(rb"\x21\xf9\x04.{4}\x00[\x2c\x21]", re.S)


def check(subject: Subject) -> Iterator[Finding]:
    """What is wrong with the pictures of `subject`."""
    found = pictures(subject)
    seen: set[Finding] = set()
    for picture in found:
        for code, message, hint in _problems(picture, _widest(subject)):
            finding = Finding(code, _place(subject, picture), message, hint)
            if finding not in seen:
                seen.add(finding)
                yield finding
    yield from _check_files(subject, found)
    remote = {picture.src for picture in found if picture.src.lower().startswith(("http:", "https:"))}
    if len(remote) > MOST_REMOTE:
        message = f"{len(remote)} pictures are loaded from the web: that takes long on a phone, and looks like advertising"
        yield Finding(
            "W246", subject.sources.issue, message, "show fewer articles in full, or without their pictures"
        )


def _place(subject: Subject, picture: Shown) -> str:
    address = picture.file.path if picture.file else picture.src
    return place(
        subject,
        picture.origin,
        picture.article_id,
        address,
        picture.name,
        picture.alt or "",
        "<img",
        "<mj-image",
    )


def _widest(subject: Subject) -> int:
    """The width of the email in pixels."""
    width = dict(subject.theme.settings).get("width", 600)
    return width if isinstance(width, int) else 600


def _problems(picture: Shown, widest: int) -> Iterator[tuple[str, str, str]]:
    """The code, message and hint of each thing that is wrong with a picture."""
    src, name = picture.src, shortened(picture.name)
    if picture.alt is None:
        hint = 'add alt="..." with what it shows, or alt="" if it is an ornament'
        yield "E140", f"the picture {name} has no alt text", hint
    elif _says_nothing(picture.alt, src):
        message = f'the description of the picture {name} is "{shortened(picture.alt)}", which tells nobody what it shows'
        yield (
            "W240",
            message,
            "write what is to be seen, as you would on the telephone: ![A bench under a cherry tree](bench.jpg)",
        )
    lower = src.lower()
    if lower.startswith("data:"):
        yield (
            "E143",
            "a picture stands within its own address (data:): Gmail and Outlook show nothing",
            "save it as a file",
        )
        return
    if not picture.file and not lower.startswith("cid:"):
        if picture.origin is Origin.BODY and not _SCHEME.match(src):
            return  # what the file says is told below
        if not absolute_url(src, schemes=WEB) or not lower.startswith(("http:", "https:", "//")):
            message = f"the address of a picture is {shortened(src) or 'empty'}: no reader sees it"
            yield "E141", message, "write its whole https:// address; a logo is named in the theme's settings"
            return
        host, _ = parts_of_address(absolute_url(src, schemes=WEB))
        if why := why_private(host):
            message = f"the picture {name} is at {shortened(src)}: {why}, so no reader sees it"
            yield "E142", message, "put it on the web, or bring it along as a file of the issue"
            return
        if lower.startswith("http:"):
            message = f"the picture {name} has an http:// address: many programs do not load it"
            yield "W243", message, "write https://, if the site has it (nearly all do)"
    if told := _not_shown_by(picture):
        message = f"the picture {name} is {told[0]}, which {told[1]} cannot show"
        yield (
            "W244",
            message,
            "save it as PNG or JPEG; newsletter-publisher[images] does it when an issue is drafted",
        )
    if picture.width is None:
        message = f"the picture {name} has no width: Outlook for Windows draws it as large as its file is"
        yield "W241", message, f'add width="{min(560, widest)}", or what it is to be, in pixels'
    elif picture.width > widest:
        message = f"the picture {name} is {picture.width} pixels wide, and the email {widest}: Outlook for Windows tears it apart"
        yield "W242", message, f"write a width of {widest} at most"


def _says_nothing(alt: str, src: str) -> bool:
    """Whether `alt` is what a camera or a program calls a file, and no description."""
    words = alt.strip()
    if not words:
        return False
    if _FILE_NAME.fullmatch(words) and " " not in words.strip():
        return True
    if _CAMERA_NAME.fullmatch(words) or _FINGERPRINT.fullmatch(words):
        return True
    stem = _ENDING.sub("", unquote(src).rpartition("/")[2].partition("?")[0])
    return words == stem and bool(_SEPARATED.fullmatch(words))


def _not_shown_by(picture: Shown) -> tuple[str, str] | None:
    """What the format is called, and what does not show it; None for one that all show, or an unknown one."""
    if picture.file:
        return _SHOWN_NOT_BY.get(picture.file.content_type.partition("/")[2].partition("+")[0])
    if _CONVERTED.search(unquote(picture.src)):
        return None
    if asked := _CONVERTS_TO.search(picture.src):
        return _SHOWN_NOT_BY[asked[1].lower()]
    ending = _ENDING.search(parts_of_address(picture.src)[1])
    return _SHOWN_NOT_BY.get(ending[1].lower()) if ending else None


def _check_files(subject: Subject, found: list[Shown]) -> Iterator[Finding]:
    """What is wrong with the issue's own files, and which of them are not there."""
    homes = {picture.file: picture for picture in found if picture.file}
    for file in sorted(homes, key=lambda file: file.path):
        shown, size = homes[file], len(file.content)
        if file.content_type == "image/gif" and size > HEAVIEST_ANIMATION and is_animated(file.content):
            message = f"the animated GIF {shown.name} weighs {size / 1e6:.1f} MB: on a phone it stutters, or never ends loading"
            yield Finding(
                "W247",
                _place(subject, shown),
                message,
                "fewer frames, fewer colours, or a still picture that links to a film",
            )
        elif size > HEAVIEST:
            message = f"the picture {shown.name} weighs {size / 1000:.0f} kB: it loads slowly on a phone"
            yield Finding(
                "W245", _place(subject, shown), message, "save it 1,200 pixels wide, as a JPEG of quality 80"
            )
    for src, origin, article in written_images(subject):
        base, article_id = (article.url, article.id) if article else ("", "")
        where = place(subject, origin, article_id, src, "<img")
        if src.lower().startswith("data:"):
            message = "a picture stands within its own address (data:): it is left out, because Gmail and Outlook show nothing"
            yield Finding(
                "E143",
                place(subject, origin, article_id, src[:60]),
                message,
                "save it as a file, and name that",
            )
        elif unquote(src) not in {unquote(path) for path in subject.pictures} and _is_file_name(src, base):
            message = f"there is no picture {shortened(src)} beside the article, or none that can be shown: readers see a gap"
            yield Finding("E141", where, message, "put the file there, or take the picture out")


def _is_file_name(src: str, base: str) -> bool:
    """Whether `src` names a file of the issue, not a page of the article's site."""
    if not src or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|[/{#?]|%7B", src):
        return False
    return src.startswith(("media/", "../")) or not base


def is_animated(content: bytes) -> bool:
    """Whether the bytes of a GIF hold more than one picture."""
    return any(loop in content for loop in _LOOPS) or len(_FRAME.findall(content)) > 1
