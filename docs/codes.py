"""The README's table of the checks' codes, written again from the modules that declare them.

python3 dev.py run python docs/codes.py
"""

from __future__ import annotations

from pathlib import Path

from newsletter.checks.check import CODES

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- codes -->", "<!-- /codes -->"


def table() -> str:
    """The table: errors first, each kind in the order of the numbers."""
    rows = [f"| `{code}` | {meaning} |" for code, meaning in sorted(CODES.items())]
    return "\n".join(["| code | what it means |", "|---|---|", *rows])


def main() -> None:
    """Put the table between its marks in README.md."""
    text = README.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
