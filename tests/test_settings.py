"""Every FRONTDESK_* variable: what it takes, what it refuses, and that no refusal tells a value."""

from pathlib import Path

import pytest

from frontdesk import settings
from frontdesk.errors import InvalidSettings
from frontdesk.settings import Settings, load
from tests.serving import command

URL = "postgresql://frontdesk:heron-7431@db.example.org:5432/accounts"

# variable -> what it takes, what it refuses. A setting that is missing here fails the test below.
TAKES: dict[str, tuple[list[str], list[str]]] = {
    "DATABASE_URL": (
        [
            URL,
            "postgres://h/d",
            "postgresql:///d?host=/run/postgresql",
            "postgresql://u@a:1,b:2/d",
            "postgresql://[::1]/d",
        ],
        [
            "",
            " ",
            "heron-7431",
            "mysql://h/d",
            "postgresql://[::1",
            "postgresql://u:p@h:port/d",
            URL + "\n",
            "http://h,i",
        ],
    ),
    "DATABASE_POOL": (
        ["1", "500"],
        ["0", "501", "-1", "ten", "", " ", "1.5", "nan", "inf", "1e999", "٣", "9" * 5000],
    ),
    "DATABASE_TIMEOUT": (
        ["0.1", "300", "5"],
        ["0", "300.1", "nan", "inf", "-inf", "1e999", "", " 5", "5s", "-1"],
    ),
    "DATABASE_WAIT": (["0", "3600"], ["-1", "3601", "nan", "inf", ""]),
    "HOST": (
        ["127.0.0.1", "0.0.0.0", "::", "::1", "localhost"],
        ["", " ", "a b", "http://h", "h\n", "a" * 300],
    ),
    "PROCESSES": (["1", "64"], ["0", "65", ""]),
    "PORT": (["0", "65535", "8000"], ["-1", "65536", "http", "", " 80", "8_0", "0x50", "nan"]),
    "PUBLIC_URL": (
        ["", "https://accounts.example.org", "http://127.0.0.1:8000/", "https://[::1]:8443"],
        [
            *("accounts.example.org", "ftp://h", "https://", "https://h/path", "https://h?q", "https://h#f"),
            *("https://u:heron-7431@h", "https://h:99999", "https://[::1", "https://a b", "https://h\n", " "),
        ],
    ),
    "TRUSTED_PROXIES": (
        ["", "10.0.0.0/8", "10.0.0.0/8, fd00::/8", "::1"],
        ["10.0.0.1/8", "proxy", "10.0.0.0/33", "1;2"],
    ),
    "SMTP_URL": (
        [
            *("", "smtp://mail", "smtp://[::1]:2525", "smtps://u:p@mail.example.org:465"),
            "smtp+starttls://u%40example.org:p%2F@mail.example.org:587",
        ],
        [
            *(
                "mail.example.org",
                "http://mail",
                "smtp://",
                "smtp://a b",
                "smtp://h\n",
                "smtp://h/path",
                "smtp://h?q",
            ),
            *(
                "smtps://heron-7431@h",
                "smtps://u:@h",
                "smtp://u:heron-7431@h",
                "smtp://h:99999",
                "smtp://[::1",
                " ",
            ),
        ],
    ),
    "MAIL_FROM": (
        ["", "accounts@example.org", "Example <accounts@example.org>", "示例 <accounts@example.org>"],
        [
            "accounts",
            "a@b@c",
            "a@example.org, b@example.org",
            "A\nBcc: b@c <a@b>",
            "<a@b c>",
            "a@",
            "@b",
            " ",
        ],
    ),
    "EMAIL_VERIFICATION": (["off", "optional", "required"], ["", "on", "OFF", "required\n"]),
    "MAILS_PER_ADDRESS": (["1", "1000000"], ["0", "1000001"]),
    "EVENTS_DAYS": (["30", "3650"], ["29", "3651"]),
    "MAX_BODY": (["1024", "16777216"], ["1023", "16777217", "64k", "true", "nan"]),
    "BODY_TIMEOUT": (["0.5", "300"], ["0", "301", "nan", "inf"]),
    "HASH_THREADS": (["0", "256"], ["-1", "257", "two"]),
    "HASH_DEADLINE": (["0.1", "20"], ["0", "61", "nan", "1e999"]),
    "PASSWORD_MIN_LENGTH": (["8", "64"], ["7", "65", ""]),
    "LOGIN_ATTEMPTS": (["1", "1000"], ["0", "1001"]),
    "LOGIN_ATTEMPTS_PER_ADDRESS": (["1", "1000000"], ["0", "1000001"]),
    "REGISTRATIONS_PER_ADDRESS": (["1", "1000000"], ["0", "1000001"]),
    "SEARCHES_PER_MINUTE": (["1", "1000000"], ["0", "1000001"]),
    "SESSION_LIFETIME": (["1209600", "31536000"], ["59", "31536001"]),
    "SESSION_IDLE_TIMEOUT": (["60", "2592000"], ["59", "31536001"]),
    "RECENT_LOGIN": (["10", "86400"], ["9", "86401"]),
    "DRAIN_DELAY": (["0", "300"], ["-1", "301", "nan"]),
    "DRAIN_TIMEOUT": (["2", "300"], ["0", "301", "nan"]),
    "LOG_LEVEL": (["debug", "info", "warning", "error"], ["", "INFO", "trace", "info\n"]),
}


def test_every_setting_is_tried_here() -> None:
    assert {setting.variable for setting in settings.describe()} == {"FRONTDESK_" + name for name in TAKES}


@pytest.mark.parametrize("name", TAKES)
def test_takes_what_is_in_its_range(name: str) -> None:
    for value in TAKES[name][0]:
        load({"FRONTDESK_" + name: value})


@pytest.mark.parametrize("name", TAKES)
def test_refuses_what_is_not_and_says_what_it_must_be(name: str) -> None:
    for value in TAKES[name][1]:
        with pytest.raises(InvalidSettings, match=f"^FRONTDESK_{name} must be ") as refused:
            load({"FRONTDESK_" + name: value})
        assert "heron-7431" not in str(refused.value), value


def test_defaults_are_those_of_the_class_and_within_their_own_ranges() -> None:
    assert load({}) == Settings()
    for setting in settings.describe():
        if setting.default:
            load({setting.variable: setting.default})


def test_values_have_the_types_that_the_class_says() -> None:
    found = load(
        {"FRONTDESK_PORT": "80", "FRONTDESK_DRAIN_DELAY": "2", "FRONTDESK_TRUSTED_PROXIES": "10.0.0.0/8,::1"}
    )
    assert (found.port, type(found.port)) == (80, int)
    assert (found.drain_delay, type(found.drain_delay)) == (2.0, float)
    assert found.trusted_proxies == ("10.0.0.0/8", "::1")
    assert [str(network) for network in found.proxies] == ["10.0.0.0/8", "::1/128"]


def test_other_programs_variables_are_left_alone() -> None:
    assert load({"PATH": "/bin", "FRONT": "1", "frontdesk_port": "80"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("FRONTDESK_DATABSE_URL", "FRONTDESK_DATABASE_URL"),
        ("FRONTDESK_PROT", "FRONTDESK_PORT"),
        ("FRONTDESK_LOGLEVEL", "FRONTDESK_LOG_LEVEL"),
        ("FRONTDESK_PORT_FILE", "FRONTDESK_PORT"),
    ],
)
def test_unknown_setting_is_refused_with_the_one_that_was_meant(variable: str, meant: str) -> None:
    with pytest.raises(InvalidSettings, match=rf"{variable} is no setting.*did you mean {meant}\?"):
        load({variable: "1"})


def test_unknown_setting_that_resembles_nothing_is_refused_without_a_guess() -> None:
    with pytest.raises(InvalidSettings, match=r"^FRONTDESK_XYZZY is no setting$"):
        load({"FRONTDESK_XYZZY": "1"})


def test_variables_that_kubernetes_sets_for_a_service_are_told_from_mistakes() -> None:
    with pytest.raises(InvalidSettings) as refused:
        load({"FRONTDESK_PORT": "tcp://10.96.0.7:80", "FRONTDESK_SERVICE_HOST": "10.96.0.7"})
    assert "enableServiceLinks: false" in refused.value.advice


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(InvalidSettings) as refused:
        load(
            {
                "FRONTDESK_PORT": "http",
                "FRONTDESK_XYZZY": "1",
                "FRONTDESK_DATABASE_URL_FILE": "/nowhere",
                "FRONTDESK_SESSION_LIFETIME": "60",
            }
        )
    for name in ("PORT must", "XYZZY is no", "DATABASE_URL_FILE names", "SESSION_IDLE_TIMEOUT is longer"):
        assert f"FRONTDESK_{name}" in str(refused.value)


@pytest.mark.parametrize(
    "together",
    [
        {"FRONTDESK_SESSION_LIFETIME": "60", "FRONTDESK_SESSION_IDLE_TIMEOUT": "61"},
        {"FRONTDESK_DRAIN_TIMEOUT": "1", "FRONTDESK_HASH_DEADLINE": "2"},
    ],
)
def test_settings_that_contradict_each_other_are_refused(together: dict[str, str]) -> None:
    first, second = together
    with pytest.raises(InvalidSettings, match=f"{first} is.*{second}|{second} is.*{first}"):
        load(together)


def test_secret_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "url"
    for end in ("", "\n", "\r\n", "\n\n"):
        file.write_bytes(f"{URL}{end}".encode())
        assert load({"FRONTDESK_DATABASE_URL_FILE": str(file)}).database_url == URL


def test_secret_in_variable_and_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(URL)
    both = {"FRONTDESK_DATABASE_URL": URL, "FRONTDESK_DATABASE_URL_FILE": str(tmp_path / "url")}
    with pytest.raises(InvalidSettings, match="both set: keep one"):
        load(both)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"can't be read \(No such file or directory\)"),
        (b"", "must be like postgresql://"),
        (b"heron-7431", "must be like postgresql://"),
        (b"\xff\xfeheron-7431", "isn't UTF-8"),
        (b"postgresql://u:heron-7431@h/d\npostgresql://u:heron-7431@h/e", "must be like postgresql://"),
    ],
)
def test_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "url").write_bytes(content)
    with pytest.raises(InvalidSettings, match=f"^FRONTDESK_DATABASE_URL_FILE .*{said}") as refused:
        load({"FRONTDESK_DATABASE_URL_FILE": str(tmp_path / "url")})
    assert "heron-7431" not in str(refused.value)


def test_folder_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="Is a directory"):
        load({"FRONTDESK_DATABASE_URL_FILE": str(tmp_path)})


def test_command_lists_every_setting_and_hides_secrets(tmp_path: Path) -> None:
    done = command("settings", FRONTDESK_DATABASE_URL=URL, FRONTDESK_PORT="81")
    assert done.returncode == 0
    assert "heron-7431" not in done.stdout + done.stderr
    assert "FRONTDESK_DATABASE_URL=(hidden)" in done.stdout
    assert "FRONTDESK_PORT=81" in done.stdout
    for setting in settings.describe():
        assert f"{setting.variable}=" in done.stdout
        assert setting.meaning in done.stdout


def test_command_lists_the_settings_also_to_whom_has_one_wrong() -> None:
    done = command("settings", FRONTDESK_PROT="80", FRONTDESK_DATABASE_URL=URL)
    assert done.returncode == 1
    assert "FRONTDESK_PORT=8000" in done.stdout
    assert done.stderr.startswith("frontdesk: FRONTDESK_PROT is no setting: did you mean FRONTDESK_PORT?")
    assert "heron-7431" not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [("serve",), ("migrate",), ("up",), ("admin", "disable", "alice")])
def test_commands_say_all_that_is_wrong_in_one_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = command(
        *arguments, FRONTDESK_PORT="http", FRONTDESK_PROT="80", FRONTDESK_DATABASE_POOL="heron-7431"
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "FRONTDESK_PORT must be" in done.stderr
    assert "FRONTDESK_PROT is no setting" in done.stderr
    assert "heron-7431" not in done.stderr
