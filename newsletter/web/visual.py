"""How much two sets of pictures differ, picture by picture of the same name.

A pixel differs if one of its colours does by more than the eye sees (`_TOLERANCE` of 255); where one picture is taller
or wider than the other, all that only one has differs.  What differs is shown in `NAME.diff.png`: the new picture, pale,
with the changes in red.

Raises UsageError, if Pillow is not there, or the other set is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image

_TOLERANCE = 16
_RED = (214, 51, 108)


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one picture, how many per cent of its pixels differ, and where that is shown; None if none was before."""

    name: str
    per_cent: float | None
    shown: Path | None = None


def compare(pictures: Sequence[Path], against: Path) -> list[Difference]:
    """Each of `pictures` against the one of the same name in the folder `against`."""
    if not against.is_dir():
        raise UsageError(
            "there is no such folder", where=str(against), hint="newsletter shots --out DIR made one"
        )
    return [_difference(picture, against / picture.name) for picture in pictures]


def _difference(new: Path, old: Path) -> Difference:
    try:
        from PIL import Image, ImageChops, UnidentifiedImageError
    except ImportError as error:
        raise UsageError(
            "--against needs Pillow", hint='pip install "newsletter-publisher[images]"'
        ) from error
    if not old.is_file():
        return Difference(new.name, None)
    try:
        with Image.open(new) as one, Image.open(old) as other:
            after, before = one.convert("RGB"), other.convert("RGB")
    except UnidentifiedImageError as error:
        raise UsageError("this is not a picture", where=str(old)) from error
    size = (max(after.width, before.width), max(after.height, before.height))
    apart = ImageChops.difference(_on(after, size, (255, 0, 255)), _on(before, size, (0, 255, 0)))
    red, green, blue = apart.split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    mask = most.point([0 if value <= _TOLERANCE else 255 for value in range(256)])
    count = mask.histogram()[255]
    if not count:
        return Difference(new.name, 0.0)
    pale = Image.blend(_on(after, size, (255, 255, 255)), Image.new("RGB", size, (255, 255, 255)), 0.7)
    pale.paste(_RED, mask=mask)
    shown = new.with_suffix(".diff.png")
    pale.save(shown)
    return Difference(new.name, 100 * count / (size[0] * size[1]), shown)


def _on(picture: Image.Image, size: tuple[int, int], ground: tuple[int, int, int]) -> Image.Image:
    from PIL import Image

    whole = Image.new("RGB", size, ground)
    whole.paste(picture)
    return whole
