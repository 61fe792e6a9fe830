"""How long a build takes, in ratios against its peers in the same run.

    python3 dev.py run python benchmarks/build.py            prints the table, writes benchmarks/build.json
    python3 dev.py run python benchmarks/build.py --readme   also puts the table into README.md

Measured in one process: a warm rebuild of an issue with ten posts in full (as a preview does it: files read from disk,
email built, no file written), the same after one post was edited, and premailer and MJML alone; whole processes:
`newsletter --help` against a bare `python -c pass`; and npm's mjml, warm, over the same document, where node and npm
are there.  Medians; the spread is in the JSON.
"""

from __future__ import annotations

import json
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from newsletter.issues.folder import read_issue
from newsletter.publication import Publication
from newsletter.render.build import build_email
from newsletter.render.images import read_pictures
from newsletter.sample import make_publication

HERE = Path(__file__).parent
WORDS = [
    "the",
    "tide",
    "leaves",
    "a",
    "line",
    "of",
    "weed",
    "and",
    "small",
    "bright",
    "stones",
    "along",
    "the",
    "wall",
    "where",
    "boats",
    "wait",
    "for",
    "water",
    "while",
    "gulls",
    "argue",
    "about",
    "lunch",
    "and",
    "nobody",
    "minds",
]
NODE = """
const mjml2html = require('mjml'); const fs = require('fs');
const source = fs.readFileSync(process.argv[2], 'utf8'); const times = [];
for (let i = 0; i < 25; i++) { const t = process.hrtime.bigint(); mjml2html(source, {validationLevel: 'skip'}); times.push(Number(process.hrtime.bigint() - t) / 1e6); }
console.log(JSON.stringify(times.slice(5)));
"""


def post(number: int, seed: int = 0) -> str:
    """A Markdown post of about 7 kB once it is HTML, with all that posts have."""
    dice = random.Random(f"{number} {seed}")

    def words(count: int) -> str:
        return " ".join(dice.choice(WORDS) for _ in range(count)).capitalize() + "."

    parts = [
        f"---\ntitle: {words(6)}\nauthor: The editors\ndate: 2026-11-{number + 1:02d}\ntags: [Notes]\npermalink: /{number}/\n---\n"
    ]
    for section in range(3):
        parts.append(
            f"## {words(5)}\n\n{words(30)} [{words(3)}](https://example.com/{number}/{section})\n\n{words(36)}\n"
        )
        parts.append("\n".join(f"- {words(9)}" for _ in range(3)) + "\n")
    parts.append(
        f"> {words(30)}\n\n```\n{words(8)}\n{words(8)}\n```\n\n| a | b |\n|---|---|\n| {words(2)} | {words(3)} |\n| {words(2)} | {words(3)} |\n"
    )
    return "\n".join(parts)


def timed(
    work: Callable[[], object], runs: int = 40, before: Callable[[], object] = lambda: None
) -> list[float]:
    """Milliseconds of each run, after three to warm up; `before` each there is what is not counted."""
    for _ in range(3):
        before()
        work()
    times = []
    for _ in range(runs):
        before()
        start = perf_counter()
        work()
        times.append((perf_counter() - start) * 1000)
    return times


def processes(command: list[str], runs: int = 15) -> list[float]:
    """Milliseconds of whole processes."""
    return timed(lambda: subprocess.run(command, check=True, capture_output=True), runs)


def npm_mjml(page: str, folder: Path) -> list[float] | None:
    """Milliseconds of npm's mjml over `page`, warm; None where there is no npm."""
    if not shutil.which("npm") or not shutil.which("node"):
        return None
    (folder / "page.mjml").write_text(page)
    (folder / "time.js").write_text(NODE)
    made = subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "mjml@4.18"],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        return None
    out = subprocess.run(
        ["node", "time.js", "page.mjml"], cwd=folder, check=True, capture_output=True, text=True
    )
    times: list[float] = json.loads(out.stdout)
    return times


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "letter"
        make_publication(root, "digest")
        shutil.rmtree(root / "posts")
        (root / "posts").mkdir()
        for number in range(10):
            (root / "posts" / f"{number}.md").write_text(post(number))
        publication = Publication.open(root)
        folder = publication.draft().folder
        issue_md = folder / "issue.md"
        issue_md.write_text(issue_md.read_text().replace("---\n", "---\nshow: full\n", 1))
        articles = sorted((folder / "articles").glob("*.html"))
        count = 0

        def rebuild() -> None:
            issue = read_issue(folder)
            theme = publication.theme()
            build_email(
                issue, publication.masthead, theme, read_pictures(folder / "articles", issue.articles)
            )

        def edit() -> None:
            nonlocal count
            count += 1
            text = articles[4].read_text()
            articles[4].write_text(text.replace("</p>", f" Edited {count}.</p>", 1))

        email = publication.build().email
        size = len(email.html.fill(publication.values(email.issue_id, publication.sender)).encode())
        results: dict[str, list[float]] = {
            "warm rebuild, 10 posts in full": timed(rebuild),
            "the same after one post was edited": timed(rebuild, before=edit),
            "python -c pass (process)": processes([sys.executable, "-c", "pass"]),
            "import click (process)": processes([sys.executable, "-c", "import click"]),
            "newsletter --help (process)": processes(
                [str(Path(sys.executable).parent / "newsletter"), "--help"]
            ),
        }
        results |= mjml_alone(publication, folder, Path(name))

    medians = {label: statistics.median(times) for label, times in results.items()}
    rows = [
        f"| {label} | {medians[label]:.1f} ms | {min(times):.1f} - {max(times):.1f} |"
        for label, times in results.items()
    ]
    bare = medians["python -c pass (process)"]
    with_click, with_help = (
        medians[f"{work} (process)"] - bare for work in ("import click", "newsletter --help")
    )
    ratios = [
        f"`newsletter --help` is {with_help:.0f} ms over a bare Python, of which click takes {with_click:.0f}."
    ]
    if "npm mjml, warm" in medians:
        ours = medians["MJML: validate, normalise, compile"]
        whole = medians["warm rebuild, 10 posts in full"]
        npm = medians["npm mjml, warm"]
        ratios.append(
            f"npm's mjml takes {npm / ours:.0f} times as long as our MJML step over the same document, and {npm / whole:.1f} times as long as the whole rebuild."
        )
    table = "\n".join(
        [
            f"An issue of 10 posts in full, {size / 1000:.0f} kB of HTML:",
            "",
            "| work | median | range |",
            "|---|---:|---:|",
            *rows,
            "",
            " ".join(ratios),
        ]
    )
    print(table)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "html_bytes": size}
    (HERE / "build.json").write_text(
        json.dumps({"machine": machine, "median_ms": medians, "runs_ms": results}, indent=1) + "\n"
    )
    if "--readme" in sys.argv:
        put_into_readme("build", table)


def mjml_alone(publication: Publication, folder: Path, scratch: Path) -> dict[str, list[float]]:
    """The MJML step alone, ours and npm's, over one document with the bodies in it."""
    from newsletter.render import build as steps

    pages: list[str] = []
    original = steps._compile

    def keep(theme: object, page: str) -> str:
        pages.append(page)
        return original(theme, page)  # type: ignore[arg-type]

    steps._compile = keep
    issue = read_issue(folder)
    build_email(issue, publication.masthead, publication.theme(), {})
    steps._compile = original
    bodies = iter(article.html for article in issue.articles)
    import re

    page = re.sub(r"NLB\d+Z\d+Q", lambda _: next(bodies, ""), pages[0])
    from newsletter.render.mjml import compile_mjml

    found = {"MJML: validate, normalise, compile": timed(lambda: compile_mjml.__wrapped__(page))}
    npm = npm_mjml(page, scratch)
    return found | ({"npm mjml, warm": npm} if npm else {})


def put_into_readme(name: str, table: str) -> None:
    """Replace what stands between the markers of `name` in README.md."""
    path = HERE.parent / "README.md"
    text = path.read_text("utf-8")
    begin, end = f"<!-- benchmark {name} -->", f"<!-- /benchmark {name} -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{begin}\n{table}\n{end}{after}", "utf-8")


if __name__ == "__main__":
    main()
