"""Findings as text, JSON, SARIF and JUnit: the same things said, and nothing that breaks out of the form."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.checks.check import CODES as ALL
from newsletter.checks.finding import Finding, Level
from newsletter.checks.formats import as_json, as_junit, as_sarif, as_text
from newsletter.checks.subject import SourceFile, Sources

CODES = {"E140": "An image has no alt text", "W250": "What looks like a placeholder", "W251": "An old year"}
SOURCES = Sources((SourceFile("issues/x/issue.md", "---\nsubject: S\n---\n![](a.jpg)\n"),))
FINDINGS = [
    Finding(
        "E140", "issues/x/issue.md:4", "image has no alt text: a.jpg", "add it in brackets: ![A bench](a.jpg)"
    ),
    Finding("W250", "issues/x/issue.md", "TODO & <more>"),
]
ANY_TEXT = st.text(
    st.characters() | st.sampled_from("\0\x1b\x85\u2028\u202e]]>&<\"'\ud800\n:\\"), max_size=20
)
ANY = st.builds(Finding, st.sampled_from([*CODES, "W299"]), ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT)
#: The schema as OASIS publishes it; see schemas/README.md.
SARIF = jsonschema.Draft7Validator(
    json.loads((Path(__file__).parent / "schemas" / "sarif-schema-2.1.0.json").read_text("utf-8"))
)
HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202a-\u202e\ud800-\udfff]")


def test_text_has_the_place_first_the_line_below_and_the_remedy_last() -> None:
    assert as_text(FINDINGS, SOURCES) == (
        "issues/x/issue.md:4: E140 image has no alt text: a.jpg\n"
        "    | ![](a.jpg)\n"
        "    hint: add it in brackets: ![A bench](a.jpg)\n"
        "issues/x/issue.md: W250 TODO & <more>\n"
    )
    assert as_text([]) == ""


def test_a_findings_own_excerpt_goes_before_the_line_of_the_source() -> None:
    found = Finding("E140", "issues/x/issue.md:4", "m", excerpt="its own")
    assert "    | its own\n" in as_text([found], SOURCES)
    assert "![](a.jpg)" not in as_text([found], SOURCES)


def test_json_is_a_list_of_objects_with_five_texts() -> None:
    assert json.loads(as_json(FINDINGS)) == [
        {
            "code": "E140",
            "level": "error",
            "where": "issues/x/issue.md:4",
            "message": "image has no alt text: a.jpg",
            "hint": "add it in brackets: ![A bench](a.jpg)",
        },
        {
            "code": "W250",
            "level": "warning",
            "where": "issues/x/issue.md",
            "message": "TODO & <more>",
            "hint": "",
        },
    ]
    assert as_json([]) == "[]\n"


def check_sarif(log: Any) -> None:
    """Valid against the schema of SARIF 2.1.0, and what the schema cannot say: rules are unique, results point at theirs."""
    SARIF.validate(log)
    for run in log["runs"]:
        ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        assert len(ids) == len(set(ids)), "rules are unique"
        for result in run["results"]:
            assert ids[result["ruleIndex"]] == result["ruleId"]
            assert result["message"]["text"]
            for location in result.get("locations", []):
                uri = location["physicalLocation"]["artifactLocation"]["uri"]
                assert re.fullmatch(
                    r"(?:file://)?(?:[A-Za-z0-9._~/-]|(?<=///[A-Za-z]):|%[0-9A-F]{2})+", uri
                ), uri


def test_sarif_names_rules_levels_and_places() -> None:
    log = json.loads(as_sarif(FINDINGS, CODES, version="0.1.0"))
    check_sarif(log)
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(CODES)
    first, second = run["results"]
    assert (first["ruleId"], first["level"]) == ("E140", "error")
    assert first["locations"] == [
        {"physicalLocation": {"artifactLocation": {"uri": "issues/x/issue.md"}, "region": {"startLine": 4}}}
    ]
    assert second["level"] == "warning"
    assert second["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "2.0.0", "runs": []},
        {"version": "2.1.0"},
        {"version": "2.1.0", "runs": [{"tool": {"driver": {}}}]},
        {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [{"ruleId": "E140"}]}]},
    ],
)
def test_the_schema_refuses_what_is_no_sarif(wrong: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        SARIF.validate(wrong)


def test_sarif_of_all_our_codes_is_valid() -> None:
    findings = [Finding(code, f"issues/x/issue.md:{n}", "what", "hint") for n, code in enumerate(ALL, 1)]
    check_sarif(json.loads(as_sarif(findings, ALL, root="/home/letter", version="0.1.0")))


@pytest.mark.parametrize(
    ("where", "uri", "line"),
    [
        ("issues/a b/é.md:3", "issues/a%20b/%C3%A9.md", 3),
        ("./issue.md", "issue.md", 1),
        ("/home/letter/issues/x.md:2", "issues/x.md", 2),
        ("/elsewhere/issue.mjml:7", "file:///elsewhere/issue.mjml", 7),
        ("issues\\x.md:1", "issues/x.md", 1),
        ("C:\\letter\\x.md:9", "file:///C:/letter/x.md", 9),
        ("odd:name.md:5", "odd%3Aname.md", 5),
    ],
)
def test_a_place_is_a_uri_relative_to_the_publication_and_a_line(where: str, uri: str, line: int) -> None:
    log = json.loads(as_sarif([Finding("E140", where, "m")], CODES, root="/home/letter"))
    check_sarif(log)
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (uri, line)


def test_a_level_that_was_changed_is_the_level_of_the_result_and_not_of_the_rule() -> None:
    run = json.loads(as_sarif([FINDINGS[1].at(Level.ERROR)], CODES))["runs"][0]
    assert run["results"][0]["level"] == "error"
    assert run["tool"]["driver"]["rules"][1]["defaultConfiguration"] == {"level": "warning"}


def test_junit_has_a_failure_for_each_finding_and_passes_what_found_nothing() -> None:
    root = ElementTree.fromstring(as_junit([*FINDINGS, FINDINGS[0]], CODES))
    (suite,) = root.iter("testsuite")
    cases, failures = list(suite.iter("testcase")), list(suite.iter("failure"))
    assert (suite.get("tests"), suite.get("failures")) == (str(len(cases)), str(len(failures))) == ("4", "3")
    assert [failure.get("type") for failure in failures] == ["error", "warning", "error"]
    assert failures[1].get("message") == "TODO & <more>"
    assert (
        failures[0].text
        == "issues/x/issue.md:4: image has no alt text: a.jpg\n    hint: add it in brackets: ![A bench](a.jpg)"
    )
    assert [case.get("name") for case in cases if case.find("failure") is None] == ["W251 An old year"]


@settings(deadline=None, max_examples=200)
@given(st.lists(ANY, max_size=4))
def test_nothing_in_a_finding_breaks_out_of_a_form(findings: list[Finding]) -> None:
    for written in (
        as_text(findings),
        as_json(findings),
        as_sarif(findings, CODES),
        as_junit(findings, CODES),
    ):
        assert not HARMFUL.search(written)
        written.encode()
    assert len(as_text(findings).splitlines()) >= len(findings)
    assert [found["code"] for found in json.loads(as_json(findings))] == [f.code for f in findings]
    check_sarif(json.loads(as_sarif(findings, CODES)))
    assert len(list(ElementTree.fromstring(as_junit(findings, CODES)).iter("failure"))) == len(findings)


@given(st.lists(ANY, max_size=3))
def test_a_finding_is_as_many_lines_of_text_whatever_it_says(findings: list[Finding]) -> None:
    plain = [line for line in as_text(findings).split("\n") if not line.startswith("    ")]
    assert len(plain) == len(findings) + 1  # and the end of the last line
