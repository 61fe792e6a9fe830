"""Numbers and raised letters as plain text has them: x², H₂O, 1st, the labels iv. and c. of a list.

A superscript or subscript keeps its meaning and never a letter less: what Unicode has no sign for is written
`e^(ix)` and `x_max`, and what is raised only for looks (1st, Acme TM, small print) stays as it is.  Pure.
"""

from __future__ import annotations

import re

from newsletter.render.columns import GLUE

_SUPERSCRIPT = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
_SUBSCRIPT = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
_NUMERIC = re.compile("[0-9+−=()n-]*[0-9][0-9+−=()n-]*|n")
#: 1st, 2e, 3º, Acme TM: raised for looks, and read the same on the line.
_RAISED = re.compile(r"(?:st|nd|rd|th|e|er|re|ère|me|eme|ème|o|a|º|ª|tm|sm|mc|md)", re.IGNORECASE)
_REFERENCE = re.compile(f"(.*?)({GLUE}\\[\\d+\\])?", re.DOTALL)

_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl")),
    *((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)


def raised(text: str) -> str:
    """A superscript: x², 10⁻³, word¹ for a note, 1st, e^x."""
    return _shifted(text, _SUPERSCRIPT, "^")


def lowered(text: str) -> str:
    """A subscript: H₂O, x_max."""
    return _shifted(text, _SUBSCRIPT, "_")


def _shifted(text: str, characters: dict[int, int], mark: str) -> str:
    match = _REFERENCE.fullmatch(text)
    words, number = (match[1] or "", match[2] or "") if match else (text, "")
    if _NUMERIC.fullmatch(words) and (mark == "^" or "n" not in words):
        return words.translate(characters) + number
    if len(words) > 12 or re.search(r"[\s\[\]]", words) or not re.search(r"\w", words):
        return text  # small print, a note's own brackets, a sign
    if mark == "^" and _RAISED.fullmatch(words):
        return text
    return f"{mark}({words}){number}" if mark == "^" and len(words) > 1 else f"{mark}{words}{number}"


def numeral(number: int, style: str) -> str:
    """The label of the `number`th item of a list whose `type` is `style`: 1, a, A, i, I."""
    if style in ("i", "I") and 0 < number < 4000:
        numeral = ""
        for value, letters in _ROMAN:
            numeral += letters * (number // value)
            number %= value
        return numeral if style == "i" else numeral.upper()
    if style in ("a", "A") and number > 0:
        numeral = ""
        while number:
            number, letter = divmod(number - 1, 26)
            numeral = chr(ord(style) + letter) + numeral
        return numeral
    return str(number)
