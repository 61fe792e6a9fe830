"""newsletter.toml and .env: what is read, what is refused, and that a secret is never shown."""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from dotenv.parser import parse_stream
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import (
    CONFIG_NAME,
    SETTINGS,
    Config,
    find_root,
    nearest,
    parse_toml,
    read_config,
)
from newsletter.env import Secrets, _plain, read_secrets
from newsletter.errors import ConfigError
from newsletter.toml_lines import line_of

HEAD = 'name = "Letter"\nfrom = "Letter <letter@example.com>"\n'
CANARY = "CANARY-6f1c"


def config_of(folder: Path, text: str | bytes) -> Config:
    (folder / CONFIG_NAME).write_bytes(text.encode() if isinstance(text, str) else text)
    return read_config(folder)


def error_of(folder: Path, text: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        config_of(folder, text)
    return caught.value


def secrets_of(folder: Path, text: str | bytes) -> Secrets:
    (folder / ".env").write_bytes(text.encode() if isinstance(text, str) else text)
    return read_secrets(folder)


def test_two_lines_are_a_publication(tmp_path: Path) -> None:
    config = config_of(tmp_path, HEAD)
    assert config == Config(name="Letter", sender="Letter <letter@example.com>")
    assert (config.language, config.theme, config.sources) == ("en", "digest", ())


def test_every_setting_is_read(tmp_path: Path) -> None:
    text = """name = "Letter"
from = "letter@example.com"
language = "de-CH"
reply_to = "editors@example.com"
postal_address = '''
1 High Street
Anytown
'''
base_url = "https://example.com/news/"
theme = "mine"

[fetch]
allow_hosts = ["localhost:8000", "intranet"]

[[source]]
path = "posts"

[[source]]
url = "https://${USER}:${PASSWORD}@example.com/feed.xml"
kind = "feed"

[themes.mine]
accent = "#123456"
width = 640

[themes."old one"]
"""
    config = config_of(tmp_path, text)
    path = tmp_path / CONFIG_NAME
    assert (config.name, config.sender, config.language) == ("Letter", "letter@example.com", "de-CH")
    assert (config.reply_to, config.postal_address) == ("editors@example.com", "1 High Street\nAnytown")
    assert (config.base_url, config.theme) == ("https://example.com/news", "mine")
    assert config.allow_hosts == {"localhost:8000", "intranet"}
    assert [(s.location, s.kind, s.where) for s in config.sources] == [
        ("posts", "", f"{path}:15"),
        ("https://${USER}:${PASSWORD}@example.com/feed.xml", "feed", f"{path}:18"),
    ]
    assert config.theme_settings == {"mine": {"accent": "#123456", "width": 640}, "old one": {}}
    assert config.theme_places == {"mine": f"{path}:22", "old one": f"{path}:26"}
    assert hash(config)


WRONG: dict[type, list[str]] = {
    str: ["1", "true", "1.5", "2026-11-23", "[]", "{}"],
    bool: ['"x"', "1", "[]", "{}"],
    int: ['"x"', "true", "1.5", "[]", "{}"],
    list: ['"x"', "1", "{}"],
    dict: ['"x"', "[]", "true"],
}


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        (table, key, value)
        for table, keys in SETTINGS.items()
        for key, setting in keys.items()
        for value in WRONG[setting.kind]
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_its_line(
    tmp_path: Path, table: str, key: str, value: str
) -> None:
    head = "".join(line for line in HEAD.splitlines(keepends=True) if table or not line.startswith(f"{key} "))
    top = {"": "", "source": "[[source]]\n", "relay": "[[relay]]\n"}.get(table, f"[{table}]\n")
    error = error_of(tmp_path, f"{head}# a comment\n{top}{key} = {value}\n")
    lines = (tmp_path / CONFIG_NAME).read_text().splitlines()
    assert error.where == f"{tmp_path / CONFIG_NAME}:{len(lines)}"
    assert (key in error.message and "must be" in error.message) or "stands" in error.message
    assert error.excerpt == f"{key} = {value}"


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        (
            f'{HEAD}langauge = "de"\n',
            3,
            "unknown setting 'langauge', did you mean 'language'?",
            "known here: name, from",
        ),
        (f"{HEAD}zebra = 1\n", 3, "unknown setting 'zebra'", "known here"),
        (
            f'{HEAD}\n[[source]]\npath = "a"\n\n[[source]]\npth = "b"\n',
            8,
            "unknown setting [source] pth, did you mean 'path'?",
            "known here: url, path, kind",
        ),
        (
            f"{HEAD}[fetch]\nallow_host = []\n",
            4,
            "unknown setting [fetch] allow_host, did you mean 'allow_hosts'?",
            "",
        ),
        (f"{HEAD}[fetsch]\n", 3, "unknown setting 'fetsch', did you mean 'fetch'?", ""),
        (f"{HEAD}[[sources]]\npath = 'a'\n", 3, "unknown setting 'sources', did you mean 'source'?", ""),
        (
            f'{HEAD}[[source]]\npath = "a"\nbase_url = "https://example.com"\n',
            5,
            "'base_url' stands below [source]",
            "move it above the first [table]",
        ),
        (
            '[[source]]\npath = "a"\nname = "x"\nfrom = "a@example.com"\n',
            3,
            "'name' stands below [source]",
            "move it above the first [table]",
        ),
        (
            f'{HEAD}[fetch]\ntheme = "x"\n',
            4,
            "'theme' stands below [fetch]",
            "move it above the first [table]",
        ),
        (
            f'{HEAD}[fetch]\nlanguage = "de"\n[[source]]\npath = "x"',
            4,
            "'language' stands below [fetch]",
            "move it",
        ),
        (f'{HEAD}language = "german!"\n', 3, "'language' must be a language tag, not 'german!'", "de-CH"),
        (f'{HEAD}language = "de_CH"\n', 3, "'language' must be a language tag, not 'de_CH'", "de-CH"),
        (f'{HEAD}base_url = "example.com"\n', 3, "'base_url' must be an http(s) address", "https://"),
        (f'{HEAD}base_url = "javascript:alert(1)"\n', 3, "'base_url' must be an http(s) address", "https://"),
        (
            f'{HEAD}base_url = "https://example.com/a b"\n',
            3,
            "'base_url' must be an http(s) address",
            "https://",
        ),
        ('name = " "\nfrom = "a@example.com"\n', 1, "'name' is empty", "My newsletter"),
        ('name = """a\nb"""\nfrom = "a@example.com"\n', 1, "'name' must be one line", ""),
        ('name = "x"\nfrom = "a@example.com\\r\\nBcc: b@example.com"\n', 2, "'from' must be one line", ""),
        (f"{HEAD}[[source]]\n", 3, "a source has either url or path", "path ="),
        (f'{HEAD}[[source]]\npath = ""\n', 3, "a source has either url or path", "path ="),
        (
            f'{HEAD}[[source]]\npath = "a"\nurl = "https://example.com"\n',
            3,
            "a source has either url or path",
            "path =",
        ),
        (
            f'{HEAD}[[source]]\npath = "a"\nkind = "feeed"\n',
            5,
            "unknown kind of source: 'feeed', did you mean 'feed'?",
            "one of feed, folder",
        ),
        (f'{HEAD}source = ["posts"]\n', 3, "a source is a table", "[[source]]"),
        (f'{HEAD}source = [{{ pth = "posts" }}]\n', 3, "unknown setting [source] pth", "known here"),
        (f"{HEAD}[fetch]\nallow_hosts = [80]\n", 4, "must be a list of host names", "localhost:8000"),
        (f"{HEAD}fetch.allow_hosts = [80]\n", 3, "must be a list of host names", "localhost:8000"),
        (
            f'{HEAD}[check]\nhtml_error = 80\nclients = {{ "outlook.windows" = "many" }}\n',
            5,
            "the share of outlook.windows is a number from 0 to 100",
            "12.4",
        ),
        (
            f"{HEAD}[check.clients]\noutlook.windows = 101\n",
            3,
            "the share of outlook.windows is a number",
            "12.4",
        ),
        (
            f"{HEAD}[check.clients]\noutlook.windows = -1\n",
            3,
            "the share of outlook.windows is a number",
            "12.4",
        ),
        (
            f"{HEAD}[check.clients]\noutlook.windows = true\n",
            3,
            "the share of outlook.windows is a number",
            "12.4",
        ),
        (
            f"{HEAD}[check.clients]\noutlook.windows.old = 1\n",
            3,
            "the share of outlook.windows is a number",
            "",
        ),
        (
            f"{HEAD}[check.clients]\noutlook.windows = nan\n",
            3,
            "the share of outlook.windows is a number",
            "",
        ),
        (f"{HEAD}[check]\nclients = 5\n", 4, "[check] clients must be a table", "outlook.windows"),
        (
            f"{HEAD}[check.clients]\noutlook.windows = 60\ngmail.ios = 50\n",
            3,
            "the shares of the clients add up to 110 %",
            "100 %",
        ),
        (f'{HEAD}[themes]\naccent = "#123456"\n', 4, "[themes] accent must be a table", "[themes.NAME]"),
        (
            f"{HEAD}[themes.digest]\nwidth = 600\naccent = true\n",
            5,
            "[themes.digest] accent must be a text in quotes or a whole number",
            "",
        ),
        (f"{HEAD}themes.digest.width = 1.5\n", 3, "[themes.digest] width must be a text", ""),
    ],
)
def test_what_is_wrong_is_said_with_line_excerpt_and_remedy(
    tmp_path: Path, text: str, line: int, message: str, hint: str
) -> None:
    error = error_of(tmp_path, text)
    assert error.where == f"{tmp_path / CONFIG_NAME}:{line}"
    assert error.message.startswith(message)
    assert hint in error.hint
    assert error.excerpt == text.split("\n")[line - 1]
    assert error.exit_code == 2


@pytest.mark.parametrize("key", ["name", "from"])
def test_a_missing_setting_is_named_with_a_line_to_add(tmp_path: Path, key: str) -> None:
    error = error_of(
        tmp_path, "".join(line for line in HEAD.splitlines(keepends=True) if not line.startswith(key))
    )
    assert error.message == f"the setting '{key}' is missing"
    assert f"{key} = " in error.hint


@pytest.mark.parametrize(
    ("text", "line", "excerpt"),
    [
        ('name = "a\nfrom = "b"\n', 1, 'name = "a'),
        ("name = a\n", 1, "name = a"),
        ('name = "a"\nfrom = \n', 2, "from = "),
        ('name = "a"\nname = "b"\n', 2, 'name = "b"'),
        ('name = "a"\n\n[fetch\n', 3, "[fetch"),
        ('name = "a"\nfrom = [1,\n', 2, "from = [1,"),
        ('name = "a" from = "b"\n', 1, 'name = "a" from = "b"'),
        ('name = "C:\\Users"\n', 1, 'name = "C:\\Users"'),
    ],
)
def test_broken_toml_is_shown_with_its_line(tmp_path: Path, text: str, line: int, excerpt: str) -> None:
    error = error_of(tmp_path, text)
    assert error.where == f"{tmp_path / CONFIG_NAME}:{line}"
    assert error.message.startswith("not valid TOML: ")
    assert "(at " not in error.message
    assert error.excerpt == excerpt


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, f"x = {'1' * 5000}"])
def test_toml_that_overwhelms_its_parser_is_an_error_without_traceback(tmp_path: Path, text: str) -> None:
    assert error_of(tmp_path, text).message.startswith("not valid TOML: ")


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + HEAD.encode(),
        HEAD.replace("\n", "\r\n").encode(),
        HEAD.rstrip("\n").encode(),
        f"# Übersicht\n\n{HEAD}".encode(),
    ],
)
def test_a_byte_order_mark_and_other_line_ends_make_no_difference(tmp_path: Path, text: bytes) -> None:
    assert config_of(tmp_path, text) == config_of(tmp_path, HEAD)


def test_lines_are_counted_alike_with_any_line_ends(tmp_path: Path) -> None:
    for end in ("\n", "\r\n"):
        assert error_of(tmp_path, f"{HEAD}\nzebra = 1\n".replace("\n", end)).where.endswith(":4")


def test_a_file_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    error = error_of(tmp_path, HEAD.encode() + "theme = 'grün'\n".encode("latin-1"))
    assert (error.where, error.message) == (f"{tmp_path / CONFIG_NAME}:3", "not UTF-8 text")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_config(tmp_path)
    (tmp_path / CONFIG_NAME).mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path)


def test_the_publication_is_the_nearest_folder_above_with_a_newsletter_toml(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).write_text(HEAD)
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find_root(tmp_path / "a" / "b") == tmp_path.resolve()
    (tmp_path / "a" / CONFIG_NAME).write_text(HEAD)
    assert find_root(tmp_path / "a" / "b") == (tmp_path / "a").resolve()


def test_a_folder_that_is_no_publication_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_root(tmp_path)
    assert "newsletter init" in caught.value.hint
    (tmp_path / CONFIG_NAME).write_text(HEAD)
    with pytest.raises(ConfigError, match="no such folder"):
        find_root(tmp_path / "mispelt")


TOML = '''title = "[[source]]"
text = """
[fetch]
allow_hosts = 1
"""   # """
[[source]]
path = "a" # [fetch]
[ "fetch" ]
"allow_hosts" = []
[[ source ]]
path = 'b'
nested.key = 1
[themes . digest]
accent = "x"
'''


@pytest.mark.parametrize(
    ("keys", "number", "line"),
    [
        (["title"], 0, 1),
        (["text"], 0, 2),
        (["source"], 0, 6),
        (["source", "path"], 0, 7),
        (["source"], 1, 10),
        (["source", "path"], 1, 11),
        (["source", "kind"], 1, 10),
        (["source", "nested", "key"], 1, 12),
        (["fetch"], 0, 8),
        (["fetch", "allow_hosts"], 0, 9),
        (["themes"], 0, 13),
        (["themes", "digest", "accent"], 0, 14),
        (["themes", "other"], 0, 1),
        (["nowhere"], 0, 1),
    ],
)
def test_the_line_of_a_key_is_found_past_texts_and_comments_that_look_like_it(
    keys: list[str], number: int, line: int
) -> None:
    assert parse_toml(TOML, where="x", error=ConfigError)["source"][1]["nested"] == {"key": 1}
    assert line_of(TOML, keys, number) == line


@given(st.text(), st.lists(st.text(max_size=5), min_size=1, max_size=3), st.integers(0, 2))
def test_any_text_has_a_line_for_any_key(text: str, keys: list[str], number: int) -> None:
    assert 1 <= line_of(text, keys, number) <= text.count("\n") + 1


@given(
    text=st.one_of(
        st.binary(max_size=200), st.text(alphabet="ab=[]{}\"'\n#.,\\1 ", max_size=80).map(str.encode)
    )
)
def test_any_bytes_are_a_config_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, text: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any-config"
    folder.mkdir(exist_ok=True)
    with suppress(ConfigError):
        config_of(folder, HEAD.encode() + text)


@pytest.mark.parametrize(
    ("word", "expected"), [("langauge", "language"), ("LANGUAGE", "language"), ("zebra", ""), ("", "")]
)
def test_the_nearest_name_is_near(word: str, expected: str) -> None:
    assert nearest(word, ["name", "language", "theme"]) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("SECRET=abc\n", "abc"),
        ("SECRET=abc", "abc"),
        ("\ufeffSECRET=abc\n", "abc"),
        ("A=1\r\nSECRET=abc\r\nB=2\r\n", "abc"),
        ("export SECRET=abc\n", "abc"),
        ("SECRET = abc # a comment\n", "abc"),
        ("SECRET=a#bc\n", "a#bc"),
        ("SECRET='a # bc'\n", "a # bc"),
        ('SECRET="a\\"b"\n', 'a"b'),
        ("SECRET='pa$$w${ORD}'\n", "pa$$w${ORD}"),
        ("SECRET='first\nsecond'\nB=2\n", "first\nsecond"),
        ("# SECRET=no\n\nSECRET=\n", ""),
        ("SECRET=1\nSECRET=2\n", "2"),
        ("SECRET=grün\n", "grün"),
        ("", ""),
    ],
)
def test_env_is_read_as_python_dotenv_reads_it(tmp_path: Path, text: str, value: str) -> None:
    assert secrets_of(tmp_path, text).get("SECRET") == value


@given(
    st.lists(
        st.text("AB_ab19=/:@.%+-~^|(){}[]&!*;<>?, \t#'\"\\$`ü\r", max_size=12)
        | st.from_regex(r"(?:# ?)?[AB]=[!-~]{0,9}", fullmatch=True),
        max_size=4,
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_a_plain_env_is_read_as_by_python_dotenv(lines: list[str], end: str) -> None:
    text = end.join(lines)
    plain = _plain(text)
    if plain is not None:
        found = parse_stream(StringIO(text, newline=None))
        assert plain == {one.key: one.value for one in found if one.key is not None}


def test_an_env_of_plain_lines_needs_no_library() -> None:
    text = "# where to\nSMTP_URL=smtp://me%40example.com:s3cret@mail.example.com:587\n\nSECRET_KEY=0af9\n"
    assert _plain(text) == {
        "SMTP_URL": "smtp://me%40example.com:s3cret@mail.example.com:587",
        "SECRET_KEY": "0af9",
    }


def test_the_environment_wins_over_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "from the environment")
    assert secrets_of(tmp_path, "SECRET=from the file\nOTHER=kept\n").get("SECRET") == "from the environment"
    assert read_secrets(tmp_path).get("OTHER") == "kept"


def test_reading_secrets_leaves_the_environment_alone(tmp_path: Path) -> None:
    before = dict(os.environ)
    secrets_of(tmp_path, "SECRET_OF_THIS_TEST=abc\n")
    assert dict(os.environ) == before


def test_without_env_there_are_no_secrets_and_no_error(tmp_path: Path) -> None:
    secrets = read_secrets(tmp_path)
    assert secrets.get("SMTP_URL") == ""
    assert secrets.fill("https://example.com/$x/{y}/$$", where="x") == "https://example.com/$x/{y}/$$"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"A=1\nSMTP_URL smtp://user:{CANARY}@example.com\n", 2),
        (f"{CANARY}\n", 1),
        (f"A=1\n\n\nB={CANARY}\n\n\n\n{CANARY} C\n", 8),
        (f"A='{CANARY}\nB=2\n", 1),
        (f"A='x' {CANARY}\n", 1),
        (f"={CANARY}\n", 1),
        (f"A=1\nB={CANARY}\xff\n".encode("latin-1"), 2),
    ],
)
def test_a_broken_line_of_env_is_named_and_not_shown(tmp_path: Path, text: str | bytes, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        secrets_of(tmp_path, text)
    assert caught.value.where == f"{tmp_path / '.env'}:{line}"
    shown = "".join(traceback.format_exception(caught.value))
    assert CANARY not in shown + repr(caught.value) + repr(caught.value.__context__) + repr(
        caught.value.__cause__
    )


def test_an_env_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        read_secrets(tmp_path)
    assert caught.value.where == str(tmp_path / ".env")


def test_an_address_is_filled_from_env(tmp_path: Path) -> None:
    secrets = secrets_of(tmp_path, "USER_NAME=jo\nWORD=p%40ss${USER_NAME}\n")
    assert (
        secrets.fill("https://${USER_NAME}:${WORD}@example.com/${USER_NAME}", where="x")
        == "https://jo:p%2540ss%24%7BUSER_NAME%7D@example.com/jo"
    )


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (None, "FEED_WORD is not set, and there is no .env"),
        (f"OTHER={CANARY}\n", "FEED_WORD is not set"),
        (f"FEED_WORD=\nOTHER={CANARY}\n", "FEED_WORD is empty"),
    ],
)
def test_a_name_without_a_value_is_an_error_at_the_source(
    tmp_path: Path, env: str | None, message: str
) -> None:
    config = config_of(
        tmp_path, f'{HEAD}\n[[source]]\nurl = "https://${{OTHER}}:${{FEED_WORD}}@example.com/"\n'
    )
    secrets = (
        Secrets({"OTHER": CANARY}, env_file=tmp_path / ".env") if env is None else secrets_of(tmp_path, env)
    )
    with pytest.raises(ConfigError) as caught:
        secrets.fill(config.sources[0].location, where=config.sources[0].where)
    assert caught.value.message == message
    assert caught.value.where == f"{tmp_path / CONFIG_NAME}:4"
    assert "write FEED_WORD=... into" in caught.value.hint
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_secrets_do_not_show_themselves(tmp_path: Path) -> None:
    secrets = secrets_of(tmp_path, f"SMTP_URL=smtp://user:{CANARY}@example.com\n")
    assert CANARY in secrets.get("SMTP_URL")
    for shown in (repr(secrets), str(secrets), f"{secrets}", "%r" % [secrets], repr(secrets.without("X"))):
        assert CANARY not in shown


def test_secrets_without_a_name_keep_the_others(tmp_path: Path) -> None:
    secrets = secrets_of(tmp_path, "A=1\nB=2\n").without("A")
    assert (secrets.get("A"), secrets.get("B")) == ("", "2")


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("https://${U}:${P}@example.com/feed", "https://me:a%40b%2F%3Fc%3Ad%23@example.com/feed"),
        ("${WHOLE}", "https://example.com/feed?key=1"),
        ("posts/${U}", "posts/me"),
        ("https://example.com/feed", "https://example.com/feed"),
    ],
)
def test_a_secret_in_a_url_is_percent_encoded_and_a_whole_one_is_not(
    tmp_path: Path, text: str, filled: str
) -> None:
    (tmp_path / ".env").write_text("U=me\nP='a@b/?c:d#'\nWHOLE=https://example.com/feed?key=1\n")
    assert read_secrets(tmp_path).fill(text, where="newsletter.toml:1") == filled


def test_a_table_for_a_theme_that_there_is_not_is_reported_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).write_text(f"{HEAD}\n[themes.digest]\nwidth = 600\n[themes.letr]\nwidth = 600\n")
    config = read_config(tmp_path)
    with pytest.raises(ConfigError) as caught:
        config.check_themes({"digest", "letter"})
    line = (tmp_path / CONFIG_NAME).read_text().split("\n").index("[themes.letr]") + 1
    assert caught.value.where == f"{tmp_path / CONFIG_NAME}:{line}"
    assert "[themes.letr], did you mean 'letter'?" in caught.value.message
    assert caught.value.hint == "themes: digest, letter"


def test_tables_for_themes_that_there_are_and_none_at_all_are_right(tmp_path: Path) -> None:
    for tables in ("", "[themes.digest]\nwidth = 600\n"):
        (tmp_path / CONFIG_NAME).write_text(f"{HEAD}\n{tables}")
        read_config(tmp_path).check_themes(["digest"])


@pytest.mark.parametrize(
    "text",
    [
        '[check]\nclients = { "outlook.windows" = 12.4, "gmail.ios" = 30 }\n',
        "[check]\nclients = { outlook.windows = 12.4, gmail.ios = 30 }\n",
        "[check.clients]\noutlook.windows = 12.4\ngmail.ios = 30\n",
    ],
)
def test_shares_of_clients_are_written_with_or_without_quotes(tmp_path: Path, text: str) -> None:
    (tmp_path / "newsletter.toml").write_text(f"{HEAD}{text}")
    assert read_config(tmp_path).clients == {"outlook.windows": 12.4, "gmail.ios": 30}
