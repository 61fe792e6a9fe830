"""Pictures of an issue, taken by the machine's Chromium, and how two sets of them differ."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from browser import browser
from preview_server import make_letter
from test_cli import run

from newsletter.errors import UsageError
from newsletter.web import shots
from newsletter.web.look import Scheme
from newsletter.web.shots import combined, find_browser
from newsletter.web.visual import compare

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with browser():  # skips where there is none
        pass
    return make_letter(tmp_path_factory.mktemp("shots") / "letter")


def test_every_combination_has_a_name_of_its_own() -> None:
    every = combined((375, 600), tuple(Scheme), ("", "gmail"), (True, False))
    assert len({shot.name for shot in every}) == len(every) == 24
    assert every[0].name == "375-light.png"
    assert every[-1].name == "600-forced-gmail-images-off.png"


def test_pictures_of_every_combination_and_one_sheet(folder: Path, tmp_path: Path) -> None:
    taken = run(
        "shots", "--width", "320", "--dark", "--lens", "gmail", "--images-off", "--sheet", "--out", str(tmp_path / "out"),
        cwd=folder.parents[1],
    )  # fmt: skip
    assert taken.returncode == 0, taken.stderr
    names = [
        "320-light-gmail",
        "320-light-gmail-images-off",
        "320-dark-gmail",
        "320-dark-gmail-images-off",
        "sheet",
    ]
    assert taken.stdout.splitlines() == [str(tmp_path / "out" / f"{name}.png") for name in names]
    with Image.open(tmp_path / "out" / "320-light-gmail.png") as picture:
        assert picture.width == 320
        assert picture.height > 1500
        colors = picture.convert("RGB").getcolors(1 << 24)
        assert len(colors) > 200  # the pictures of the posts are there
    with Image.open(tmp_path / "out" / "sheet.png") as picture:
        assert picture.width > 4 * 160


def test_the_same_issue_gives_the_same_pictures_and_a_change_is_seen(folder: Path, tmp_path: Path) -> None:
    root = folder.parents[1]
    shot = ("shots", "--width", "600", "--out")
    assert run(*shot, str(tmp_path / "one"), cwd=root).returncode == 0
    again = run(*shot, str(tmp_path / "two"), "--against", str(tmp_path / "one"), cwd=root)
    assert (again.returncode, "differ" in again.stderr) == (0, False)
    (article,) = (folder / "articles").glob("01*")
    text = article.read_text("utf-8")
    article.write_text(
        text.replace("<p>", "<p>A whole new sentence, which takes a line of its own. ", 1), "utf-8"
    )
    try:
        changed = run(*shot, str(tmp_path / "three"), "--against", str(tmp_path / "one"), cwd=root)
        assert changed.returncode == 1
        assert "600-light.png: " in changed.stderr
        assert "% differ, see" in changed.stderr
        assert (tmp_path / "three" / "600-light.diff.png").is_file()
        lenient = run(
            *shot, str(tmp_path / "four"), "--against", str(tmp_path / "one"), "--threshold", "100", cwd=root
        )
        assert lenient.returncode == 0
    finally:
        article.write_text(text, "utf-8")


def test_a_wrong_lens_or_folder_is_named(folder: Path, tmp_path: Path) -> None:
    wrong = run("shots", "--lens", "pine", cwd=folder.parents[1])
    assert (wrong.returncode, "there is no lens 'pine'" in wrong.stderr) == (2, True)
    (tmp_path / "file").write_text("")
    onto = run("shots", "--width", "320", "--out", str(tmp_path / "file"), cwd=folder.parents[1])
    assert (onto.returncode, "cannot be written" in onto.stderr) == (2, True)


def test_without_chromium_or_playwright_it_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(shots, "BROWSERS", ("chromium",))
    with pytest.raises(UsageError, match="no Chromium") as caught:
        find_browser()
    assert "apt install chromium" in caught.value.hint
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(UsageError, match="need playwright") as caught, shots._browser():
        pass
    assert "newsletter-publisher[screenshots]" in caught.value.hint


def paint(
    path: Path, size: tuple[int, int], spot: tuple[int, int, int, int] | None, color: str = "black"
) -> Path:
    picture = Image.new("RGB", size, "white")
    if spot:
        picture.paste(color, spot)
    path.parent.mkdir(exist_ok=True)
    picture.save(path)
    return path


@pytest.mark.parametrize(
    ("size", "spot", "color", "per_cent"),
    [
        ((100, 100), None, "black", 0.0),
        ((100, 100), (0, 0, 10, 10), "black", 1.0),
        ((100, 100), (0, 0, 10, 10), "#f8f8f8", 0.0),  # nobody sees it
        ((100, 100), (0, 0, 100, 100), "black", 100.0),
        ((100, 200), None, "black", 50.0),
        ((100, 50), None, "black", 50.0),
    ],
)
def test_how_much_two_pictures_differ(
    tmp_path: Path, size: tuple[int, int], spot: tuple[int, int, int, int] | None, color: str, per_cent: float
) -> None:
    paint(tmp_path / "old" / "a.png", (100, 100), None)
    (difference,) = compare([paint(tmp_path / "new" / "a.png", size, spot, color)], tmp_path / "old")
    assert difference.per_cent == pytest.approx(per_cent)
    assert (difference.shown is not None) == (per_cent > 0)


def test_a_picture_without_an_earlier_one_is_new_and_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    new = paint(tmp_path / "new" / "a.png", (10, 10), None)
    (tmp_path / "old").mkdir()
    assert compare([new], tmp_path / "old")[0].per_cent is None
    (tmp_path / "old" / "a.png").write_text("no picture")
    with pytest.raises(UsageError, match="not a picture"):
        compare([new], tmp_path / "old")
    with pytest.raises(UsageError, match="no such folder"):
        compare([new], tmp_path / "nothing")
