"""Files are watched, and the open pages told what changed, by server-sent events.

A page that listens names the issue that it shows: that is built before the page is told, so that the email is ready when
the page asks for it, and an error comes with the event.  What the publisher itself writes (builds, the outbox, the
database) is no change.  `stop` ends every stream, because an open one would hold up the server's end.

Source: HTML, section 9.2 (server-sent events).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from watchfiles import Change, awatch

_LOG = logging.getLogger(__name__)
#: What changes without a person's doing: folders, and endings of names.
_MADE_FOLDERS = {"build", ".cache", ".git", "outbox", "__pycache__", ".venv", "node_modules"}
_MADE_ENDINGS = ("~", ".swp", ".swx", ".tmp", "4913")
#: A comment now and then finds out that a page is gone.
_PULSE_SECONDS = 15.0

#: What a page is told of a change in its issue, as JSON.
Told = Mapping[str, object]


def is_written_by_a_person(root: Path, path: str) -> bool:
    """Whether a change of `path` below `root` can change an issue."""
    parts = Path(path).relative_to(root).parts if Path(path).is_relative_to(root) else ()
    if not parts or _MADE_FOLDERS.intersection(parts) or path.endswith(_MADE_ENDINGS):
        return False
    return not any(part.startswith((".build-", ".old-", "newsletter.db")) for part in parts)


class Live:
    """The watcher of one folder and the pages that listen to it."""

    def __init__(
        self, root: Path, tell: Callable[[str, list[str]], Told], changed: Callable[[], object]
    ) -> None:
        """`changed` is called when files changed, `tell` with an issue and the files, for each page that listens."""
        self._root = root.resolve()
        self._tell = tell
        self._changed = changed
        self._pages: dict[asyncio.Queue[Told | None], str] = {}
        self._stop = asyncio.Event()

    async def watch(self) -> None:
        """Watches until `stop`: what a publication is made of, not all that may lie beside it."""
        folders = [self._root / name for name in ("issues", "templates")]
        if all(folder.is_dir() for folder in folders):
            await asyncio.gather(self._watch(self._root, recursive=False), *map(self._watch, folders))
        else:
            await self._watch(self._root)

    async def _watch(self, folder: Path, *, recursive: bool = True) -> None:
        def keep(_: Change, path: str) -> bool:
            return is_written_by_a_person(self._root, path)

        async for changes in awatch(
            folder,
            watch_filter=keep,
            debounce=50,
            step=20,
            stop_event=self._stop,
            rust_timeout=500,
            recursive=recursive,
        ):
            try:
                await self._announce(changes)
            except Exception:  # noqa: BLE001  a bug in a build must not end the watch
                _LOG.exception("the change could not be shown")

    async def _announce(self, changes: set[tuple[Change, str]]) -> None:
        files = sorted({str(Path(path).relative_to(self._root)) for _, path in changes})
        await asyncio.to_thread(self._changed)
        for issue_id in set(self._pages.values()):
            told = await asyncio.to_thread(self._tell, issue_id, files)
            for page, shown in self._pages.items():
                if shown == issue_id:
                    page.put_nowait(told)

    async def events(self, issue_id: str, hello: Told) -> AsyncIterator[bytes]:
        """The stream for a page that shows `issue_id`: `hello` first."""
        page: asyncio.Queue[Told | None] = asyncio.Queue()
        self._pages[page] = issue_id
        try:
            yield b"retry: 500\nevent: hello\ndata: " + json.dumps(hello).encode() + b"\n\n"
            while not self._stop.is_set():
                try:
                    told = await asyncio.wait_for(page.get(), _PULSE_SECONDS)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if told is None:
                    return
                yield f"event: change\ndata: {json.dumps(told)}\n\n".encode()
        finally:
            del self._pages[page]

    def stop(self) -> None:
        """Ends the watch and every stream; from the server's own thread."""
        self._stop.set()
        for page in self._pages:
            page.put_nowait(None)
