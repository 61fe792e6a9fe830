"""What plays only in a browser (videos, sound, frames) as something that a reader can click on.

An email program shows no frame and plays nothing, so a player becomes a paragraph with its still picture, or with
words, linked to the page on which it plays.  Players whose page is known are named; of any other frame the host is.
Frames of advertisements and buttons, and those without an address, are left out.

`replace_embeds` changes a tree from `markup.parse` in place.  Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from lxml import etree
from lxml.etree import _Element as Element

from newsletter.articles.link import WEB, absolute_url, host_of
from newsletter.articles.markup import MEDIA, drop, elements, replace_by_text, style_of

_KINDS = tuple(name for name in MEDIA if not name.endswith("img"))
_AUDIO_HOSTS = re.compile(
    r"(?:.*\.)?(?:soundcloud\.com|spotify\.com|podcasts\.apple\.com|bandcamp\.com|mixcloud\.com|buzzsprout\.com"
    r"|libsyn\.com|simplecast\.com|transistor\.fm|megaphone\.fm|anchor\.fm|podbean\.com|acast\.com|castos\.com"
    r"|captivate\.fm|omny\.fm|redcircle\.com|spreaker\.com)\Z"
)
_VIDEO_HOSTS = re.compile(
    r"(?:.*\.)?(?:dailymotion\.com|wistia\.(?:com|net)|ted\.com|twitch\.tv|videopress\.com|loom\.com|streamable\.com"
    r"|rutube\.ru|bilibili\.com|youku\.com|nicovideo\.jp|brightcove\.net|jwplatform\.com|vidyard\.com)\Z"
)
_AUDIO_FILE = re.compile(r"\.(?:mp3|m4a|ogg|oga|opus|wav|flac|aac)\Z", re.I)
_VIDEO_FILE = re.compile(r"\.(?:mp4|m4v|webm|ogv|mov|m3u8)\Z", re.I)
_PICTURE_FILE = re.compile(r"\.(?:svg|png|jpe?g|gif|webp|avif)\Z", re.I)
_ANYTHING = "View the embedded content"
_UNWANTED = re.compile(
    r"(?:.*\.)?(?:doubleclick\.net|googlesyndication\.com|googletagmanager\.com|amazon-adsystem\.com|adnxs\.com"
    r"|google\.com/recaptcha|facebook\.com/(?:plugins/(?:like|share|follow|page)|tr)|platform\.twitter\.com/widgets"
    r"|syndication\.twitter\.com|(?:players\.)?feedburner\.com|ws-[a-z]+\.amazon-adsystem\.com|accounts\.google\.com)"
)


@dataclass(frozen=True, slots=True)
class _Player:
    """The page on which a player's film is seen, its still picture, and what to call it."""

    address: re.Pattern[str]
    page: str
    poster: str
    label: str


_PLAYERS = (
    _Player(
        re.compile(
            r"(?:youtube(?:-nocookie)?\.com/(?:embed|v|shorts|live)/|youtu\.be/)(?!videoseries)([\w-]{6,20})"
        ),
        r"https://www.youtube.com/watch?v=\1",
        r"https://img.youtube.com/vi/\1/hqdefault.jpg",
        "Watch the video on YouTube",
    ),
    _Player(
        re.compile(r"youtube(?:-nocookie)?\.com/watch\?(?:[^#]*&)?v=([\w-]{6,20})"),
        r"https://www.youtube.com/watch?v=\1",
        r"https://img.youtube.com/vi/\1/hqdefault.jpg",
        "Watch the video on YouTube",
    ),
    _Player(
        re.compile(r"youtube(?:-nocookie)?\.com/embed[^#]*[?&]list=([\w-]+)"),
        r"https://www.youtube.com/playlist?list=\1",
        "",
        "Watch the video on YouTube",
    ),
    _Player(
        re.compile(r"vimeo\.com/(?:video/)?(\d+)(?:[^#]*[?&]h=(\w+))?"),
        r"https://vimeo.com/\1/\2",
        "",
        "Watch the video on Vimeo",
    ),
    _Player(
        re.compile(r"dailymotion\.com/(?:embed/)?video/(\w+)"),
        r"https://www.dailymotion.com/video/\1",
        "",
        "Watch the video on Dailymotion",
    ),
    _Player(
        re.compile(r"w\.soundcloud\.com/player/?\?(?:[^#]*&)?url=(https?(?::|%3A)[^&#]+)"),
        r"\1",
        "",
        "Listen to the audio (soundcloud.com)",
    ),
    _Player(
        re.compile(r"open\.spotify\.com/embed(?:-podcast)?/([a-z]+/\w+)"),
        r"https://open.spotify.com/\1",
        "",
        "Listen to the audio (open.spotify.com)",
    ),
)


def replace_embeds(root: Element, base: str) -> None:
    """Put a linked picture or a link in the place of everything that plays, and of every frame."""
    for embed in reversed(list(elements(root, *_KINDS))):  # the inner ones first: `object` around `embed`
        address = _address(embed, base)
        if embed.tag == "object" and _is_picture(embed, address):
            _keep_picture(embed, address)
        elif _is_unwanted(embed, address):
            drop(embed)
        elif address:
            _link(embed, address, absolute_url(embed.get("poster") or "", base, WEB))
        elif next(embed.iter("a", "img", "p"), None) is not None:
            embed.tag = "div"  # what it says to programs that cannot show it
        else:
            drop(embed)


def player_words(address: str, said: str) -> str:
    """What a link to `address` says without its still picture, which says `said`; empty if nothing plays there."""
    label = _known(address)[2] or _label("", address)
    plays = not label.startswith(_ANYTHING) or said in (
        _label(tag, address) for tag in ("", "audio", "video")
    )
    return (said or label) if plays else ""


def _address(embed: Element, base: str) -> str:
    """The address of what is embedded; empty if there is none that can be used."""
    if embed.tag in ("amp-youtube", "lite-youtube"):
        return absolute_url(f"https://youtu.be/{embed.get('data-videoid') or embed.get('videoid') or ''}")
    own = [embed.get(name) for name in ("data-src", "data-lazy-src", "src", "data")]
    films = [
        param.get("value")
        for param in embed.iter("param")
        if (param.get("name") or "").lower() in ("movie", "src")
    ]
    inner = [source.get(name) for source in embed.iter("source") for name in ("src", "data-src")]
    usable = [url for said in (*own, *films, *inner) if said and (url := absolute_url(said, base, WEB))]
    return next((url for url in usable if _known(url)[0]), usable[0] if usable else "")


def _is_picture(embed: Element, address: str) -> bool:
    """Whether an `object` is a way to show a picture."""
    kind = (embed.get("type") or "").lower()
    return kind.startswith("image/") or (not kind and bool(_PICTURE_FILE.search(address.partition("?")[0])))


def _keep_picture(embed: Element, address: str) -> None:
    """The picture inside an `object`, which it shows to programs that cannot show the object; or the object's own."""
    if next(embed.iter("img"), None) is not None or not address:
        embed.tag = "x-text"
        return
    label = embed.get("aria-label") or ""
    replace_by_text(embed, "")
    etree.SubElement(embed, "img", src=address, alt=label)


def _is_unwanted(embed: Element, address: str) -> bool:
    sizes = {embed.get("width") or style_of(embed, "width"), embed.get("height") or style_of(embed, "height")}
    return bool(
        sizes & {"0", "1", "0px", "1px"} or _UNWANTED.match(address.partition("://")[2].removeprefix("www."))
    )


def _link(embed: Element, address: str, poster: str) -> None:
    """Make `embed` a paragraph that leads to where it plays."""
    page, still, label = _known(address)
    if not page:
        page, still, label = address, "", _label(embed.tag, address)
    tail = embed.tail
    for below in embed.iterdescendants():
        below.set("x-gone", "")
    embed.clear()
    embed.tag, embed.tail = "p", tail
    link = etree.SubElement(embed, "a", href=page)
    if poster or still:
        etree.SubElement(link, "img", src=poster or still, alt=label)
    else:
        link.text = label


def _known(address: str) -> tuple[str, str, str]:
    """Page, still picture and label of a player that we know; empty strings for any other."""
    for player in _PLAYERS:
        if found := player.address.search(address):
            page = absolute_url(unquote(found.expand(player.page)), schemes=WEB).rstrip("/")
            return page, found.expand(player.poster), player.label
    return "", "", ""


def _label(tag: str, address: str) -> str:
    """What a link to something that we know no more of is called."""
    host, path = host_of(address), address.partition("?")[0]
    if "audio" in tag or _AUDIO_HOSTS.match(host) or _AUDIO_FILE.search(path):
        return f"Listen to the audio ({host})"
    if "video" in tag or _VIDEO_HOSTS.match(host) or _VIDEO_FILE.search(path):
        return f"Watch the video ({host})"
    return f"{_ANYTHING} ({host})"
