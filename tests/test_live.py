"""What counts as a change, and that a stream ends when it is told to."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from newsletter.web.live import Live, is_written_by_a_person


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("issues/2026-x/issue.md", True),
        ("issues/2026-x/articles/01-a.html", True),
        ("issues/2026-x/articles/media/a.png", True),
        ("issues/2026-x/email.txt", True),
        ("templates/digest/issue.mjml", True),
        ("newsletter.toml", True),
        (".env", True),
        ("issues/2026-x/build/email.html", False),
        ("issues/2026-x/.build-x/email.html", False),
        ("issues/2026-x/.old-x/email.html", False),
        ("outbox/new/1", False),
        (".cache/fetch/x", False),
        (".git/index", False),
        ("newsletter.db-wal", False),
        ("issues/2026-x/issue.md~", False),
        ("issues/2026-x/.issue.md.swp", False),
        ("issues/2026-x/4913", False),
    ],
)
def test_only_what_a_person_writes_is_a_change(path: str, counts: bool) -> None:
    assert is_written_by_a_person(Path("/letter"), f"/letter/{path}") is counts


def test_a_folder_elsewhere_is_no_change() -> None:
    assert not is_written_by_a_person(Path("/letter"), "/other/issue.md")


def test_a_page_is_told_of_its_issue_and_every_stream_ends(tmp_path: Path) -> None:
    changes: list[str] = []
    live_told: list[tuple[str, list[str]]] = []

    def tell(issue_id: str, files: list[str]) -> dict[str, object]:
        live_told.append((issue_id, files))
        return {"generation": 1, "problem": None}

    async def run() -> list[bytes]:
        live = Live(tmp_path, tell, lambda: changes.append("changed"))
        watching = asyncio.create_task(live.watch())
        stream = live.events("one", {"generation": 0})
        got = [await anext(stream)]
        await asyncio.sleep(0.3)
        (tmp_path / "issue.md").write_text("x")
        got.append(await asyncio.wait_for(anext(stream), 10))
        live.stop()
        got += [event async for event in stream]
        await asyncio.wait_for(watching, 5)
        return got

    hello, change = asyncio.run(run())
    assert hello.endswith(b'event: hello\ndata: {"generation": 0}\n\n')
    assert json.loads(change.split(b"data: ")[1]) == {"generation": 1, "problem": None}
    assert live_told == [("one", ["issue.md"])]
    assert changes == ["changed"]


def test_a_bug_in_a_build_does_not_end_the_watch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("issues", "templates"):
        (tmp_path / name).mkdir()

    def tell(issue_id: str, files: list[str]) -> dict[str, object]:
        if "bad" in files[0]:
            raise RuntimeError("a bug")
        return {"files": files}

    async def run() -> bytes:
        live = Live(tmp_path, tell, lambda: None)
        watching = asyncio.create_task(live.watch())
        stream = live.events("one", {})
        await anext(stream)
        await asyncio.sleep(0.3)
        (tmp_path / "issues" / "bad.md").write_text("x")
        while "a bug" not in caplog.text:
            await asyncio.sleep(0.05)
        (tmp_path / "newsletter.toml").write_text("x")
        told = await asyncio.wait_for(anext(stream), 10)
        live.stop()
        await asyncio.wait_for(watching, 5)
        return told

    assert b'"files": ["newsletter.toml"]' in asyncio.run(run())
