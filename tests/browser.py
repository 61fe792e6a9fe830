"""Chromium for the tests: the system's own, driven by playwright, without any network.

Not a test file.  Where there is no playwright or no Chromium, `browser()` skips the test and says so.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: A grey PNG of one pixel, for every picture that is not a local file.
GREY = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077 53de0000000c4944415408d76368686800000302018141 4ff5c40000000049454e44ae426082".replace(
        " ", ""
    )
)


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium; skips where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("there is no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            yield running
        finally:
            running.close()


@contextmanager
def opened(running: Any, html: str, *, width: int, scheme: str = "light") -> Iterator[Any]:
    """A tab that shows `html` at `width`; whatever it asks the network for is a grey picture."""
    tab = running.new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=True
    )
    tab.route("**/*", lambda route: route.fulfill(body=GREY, content_type="image/png"))
    try:
        tab.set_content(html)
        yield tab
    finally:
        tab.close()


#: Every text that is shown: its colour, its background and its size, as computed; and what sticks out or is too small.
MEASURE = r"""
() => {
  const rgb = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const over = (top, below) => top.slice(0, 3).map((v, i) => v * top[3] + below[i] * (1 - top[3])).concat([1]);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const back = e => { const layers = []; for (let n = e; n; n = n.parentElement) { const c = rgb(getComputedStyle(n).backgroundColor); if (c[3] > 0) { layers.push(c); if (c[3] === 1) break; } }
    let base = rgb(getComputedStyle(document.documentElement).colorScheme.includes('dark') && matchMedia('(prefers-color-scheme: dark)').matches ? 'rgb(18,18,18)' : 'rgb(255,255,255)');
    for (const layer of layers.reverse()) base = over(layer, base); return base; };
  const texts = [], boxes = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, e = node.parentElement, style = getComputedStyle(e);
    if (!node.data.trim() || style.display === 'none' || style.visibility === 'hidden' || !e.getClientRects().length) continue;
    const range = document.createRange(); range.selectNodeContents(node); const box = range.getBoundingClientRect();
    if (box.width < 1 || box.height < 1) continue;
    let hidden = false; for (let n = e; n; n = n.parentElement) { const s = getComputedStyle(n); if (s.display === 'none' || s.opacity === '0' || s.maxHeight === '0px' || (s.overflow === 'hidden' && n.clientHeight === 0)) hidden = true; }
    if (hidden) continue;
    const ground = back(e), ink = over(rgb(style.color), ground), size = parseFloat(style.fontSize);
    const inverted = [ink, ground].map(c => c.slice(0, 3).map(v => 255 - v));
    texts.push({text: node.data.trim().slice(0, 60), ratio: ratio(ink, ground), inverted: ratio(inverted[0], inverted[1]), size, bold: parseInt(style.fontWeight) >= 600, left: box.left, right: box.right});
    for (const line of range.getClientRects()) if (line.width > 1 && line.height > 1) boxes.push({node, text: node.data.trim().slice(0, 40), l: line.left, r: line.right, t: line.top + line.height * 0.3, b: line.bottom - line.height * 0.3});
  }
  const links = [...document.querySelectorAll('a[href]')].filter(a => a.getClientRects().length).map(a => { const b = a.getBoundingClientRect(); const inline = getComputedStyle(a).display === 'inline'; const block = a.closest('h1,h2,h3,h4,h5,h6,p,li,td,div'); const words = a.textContent.trim();
    // Alone: a target by itself, not a word in a sentence or in the post.
    const alone = !!words && !a.closest('.post') && block.textContent.replaceAll(/\s+/g, ' ').trim().length <= words.length + 2; return {text: words, width: b.width, height: b.height, inline, alone}; });
  const overlaps = [];
  boxes.sort((a, b) => a.t - b.t);
  for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length && boxes[j].t < boxes[i].b; j++) {
    const [a, b] = [boxes[i], boxes[j]];
    if (a.node !== b.node && Math.min(a.r, b.r) - Math.max(a.l, b.l) > 2) overlaps.push([a.text, b.text]);
  }
  const wide = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(-3).map(e => e.outerHTML.slice(0, 200));
  return {texts, links, overlaps, wide, scroll: document.documentElement.scrollWidth, width: innerWidth};
}
"""
