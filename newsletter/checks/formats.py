"""Findings as text for people, and as JSON, SARIF and JUnit for machines.

    text    place: CODE message, the line of the source, the hint
    json    a list of objects with code, level, where, message, hint
    sarif   SARIF 2.1.0, which code hosts show beside the line; a rule for every code
    junit   XML with a failed test case for each finding, and one that passed for each code without; for build servers

A message can quote what came from outside: no control character reaches a terminal, and XML holds only characters that
XML can hold.  The same findings give the same text.  Pure.
Source: SARIF 2.1.0 (OASIS, 27 March 2020), sections 3.4 and 3.27; XML 1.0, section 2.2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from newsletter.checks.finding import Finding, Level
from newsletter.checks.subject import Sources, excerpt_at
from newsletter.errors import printable

_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_TOOL = "newsletter"
_PLACE = re.compile(r"(?P<path>.*?)(?::(?P<line>[1-9]\d*))?", re.S)
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_LEVEL = "none"
_NO_CODES: Mapping[str, str] = {}


def as_text(findings: Iterable[Finding], sources: Sources | None = None) -> str:
    """The findings one below the other; empty if there are none.

    Below each stands its excerpt, or the line of `sources` in which it is.
    """
    lines: list[str] = []
    for finding in findings:
        place = f"{_line(finding.where)}: " if finding.where else ""
        lines.append(f"{place}{finding.code} {_line(finding.message)}")
        excerpt = finding.excerpt or (excerpt_at(sources, finding.where) if sources else "")
        lines += [f"    | {_line(line)[:160]}" for line in excerpt.splitlines()[:8]]
        if finding.hint:
            lines.append(f"    hint: {_line(finding.hint)}")
    return "".join(f"{line}\n" for line in lines)


def as_json(findings: Iterable[Finding]) -> str:
    """A list of objects with code, level, where, message, hint."""
    listed = [
        {
            "code": finding.code,
            "level": str(finding.level or _NO_LEVEL),
            "where": _whole(finding.where),
            "message": _whole(finding.message),
            "hint": _whole(finding.hint),
        }
        for finding in findings
    ]
    return f"{json.dumps(listed, indent=2, ensure_ascii=False)}\n"


def as_sarif(
    findings: Iterable[Finding], codes: Mapping[str, str], *, root: str = "", version: str = ""
) -> str:
    """A SARIF log with one run: `codes` are its rules, and places are relative to the folder `root` where below it."""
    listed = list(findings)
    known = [*codes, *dict.fromkeys(finding.code for finding in listed if finding.code not in codes)]
    rules = [
        {
            "id": code,
            "shortDescription": {"text": _whole(codes.get(code, "")) or code},
            "defaultConfiguration": {"level": "error" if code.startswith("E") else "warning"},
        }
        for code in known
    ]
    driver: dict[str, object] = {"name": _TOOL, "rules": rules}
    if version:
        driver["version"] = version
    numbers = {code: number for number, code in enumerate(known)}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, numbers[finding.code], root) for finding in listed],
    }
    log = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return f"{json.dumps(log, indent=2, ensure_ascii=False)}\n"


def _result(finding: Finding, number: int, root: str) -> dict[str, object]:
    hint = f" ({_whole(finding.hint)})" if finding.hint else ""
    level = {Level.ERROR: "error", Level.WARNING: "warning"}.get(finding.level or Level.WARNING, "none")
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": number,
        "level": level,
        "message": {"text": f"{_whole(finding.message)}{hint}" or finding.code},
    }
    path, line = _place(finding.where)
    if path:
        place: dict[str, object] = {"artifactLocation": {"uri": _uri(path, root)}}
        # A code host shows a result without a line nowhere.
        place["region"] = {"startLine": line or 1}
        result["locations"] = [{"physicalLocation": place}]
    return result


def _uri(path: str, root: str) -> str:
    """`path` as a URI reference: relative to `root` if it is below it, `file:` if it is elsewhere on the disk."""
    path, root = path.replace("\\", "/"), root.replace("\\", "/").rstrip("/")
    if root and path.startswith(f"{root}/"):
        path = path[len(root) + 1 :]
    elif drive := re.match(r"[A-Za-z]:/", path):
        return f"file:///{drive[0]}{quote(path[drive.end() :], errors='replace')}"
    elif path.startswith("/"):
        return f"file://{quote(path, errors='replace')}"
    return quote(path.removeprefix("./"), errors="replace")


def as_junit(findings: Iterable[Finding], codes: Mapping[str, str] = _NO_CODES) -> str:
    """A JUnit report: a failed case for each finding, and one that passed for each of `codes` that found nothing.

    A warning is a failure of the type "warning", because JUnit knows no other.
    """
    listed = list(findings)
    passed = [code for code in codes if code not in {finding.code for finding in listed}]
    numbers = f'tests="{len(listed) + len(passed)}" failures="{len(listed)}" errors="0" skipped="0"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {numbers}>"]
    lines.append(f'  <testsuite name="{_TOOL} check" {numbers}>')
    for finding in listed:
        lines.append(f"    <testcase {_case(finding.code, finding.where)}>")
        lines += [_failure(finding), "    </testcase>"]
    lines += [f"    <testcase {_case(code, codes[code])}/>" for code in passed]
    return "\n".join([*lines, "  </testsuite>", "</testsuites>", ""])


def _case(code: str, name: str) -> str:
    return f"classname={_attribute(f'{_TOOL}.{code}')} name={_attribute(f'{code} {name}')}"


def _failure(finding: Finding) -> str:
    kind, told = finding.level or _NO_LEVEL, f"{finding.where}: {finding.message}"
    if finding.hint:
        told += f"\n    hint: {finding.hint}"
    return (
        f'      <failure type="{kind}" message={_attribute(finding.message)}>{escape(_xml(told))}</failure>'
    )


def _place(where: str) -> tuple[str, int]:
    """The path and line of `file:line`; 0 for a file alone."""
    match = _PLACE.fullmatch(where)
    return (match["path"], int(match["line"] or 0)) if match else (where, 0)


def _whole(text: str) -> str:
    """`text` as JSON and a terminal can hold it: without control characters and halves of surrogate pairs."""
    return printable(text.encode("utf-8", "replace").decode())


def _line(text: str) -> str:
    return " ".join(_whole(text).split())


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", _whole(text))


def _attribute(text: str) -> str:
    return quoteattr(_xml(_line(text)))


def _all_codes() -> Mapping[str, str]:
    # Not at the top: it brings all checks, with what they read.
    from newsletter.checks.check import CODES

    return CODES


#: By the name that `newsletter check --format` takes.
WRITERS: Mapping[str, Callable[[Iterable[Finding]], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": lambda findings: as_sarif(findings, _all_codes()),
    "junit": lambda findings: as_junit(findings, _all_codes()),
}
