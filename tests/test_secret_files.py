"""`frontdesk secrets FOLDER`: a deployment's passwords and certificate."""

import datetime
import ipaddress
import re
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.serving import command

_EVERY_FILE = [
    "db/migrate_password",
    "db/postgres_password",
    "db/service_password",
    "edge/tls_certificate",
    "edge/tls_key",
    "migrate/database_url",
    "service/database_url",
]


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_kind_of_container_gets_a_folder_with_what_it_may_know(tmp_path: Path) -> None:
    made = command("secrets", str(tmp_path / "new" / "secrets"))
    assert (made.returncode, made.stderr) == (0, "")
    files = _files(tmp_path / "new" / "secrets")
    assert sorted(files) == _EVERY_FILE
    assert sorted(made.stdout.splitlines()) == [f"Made {name}." for name in _EVERY_FILE]

    passwords = {name: files[f"db/{name}"].decode() for name in ("postgres_password", "migrate_password")}
    passwords["service_password"] = files["db/service_password"].decode()
    assert len(set(passwords.values())) == 3
    for password in passwords.values():
        assert re.fullmatch("[0-9a-f]{64}", password)
        assert password not in made.stdout
    service = f"postgresql://frontdesk:{passwords['service_password']}@db:5432/frontdesk"
    migrate = f"postgresql://frontdesk_migrate:{passwords['migrate_password']}@db:5432/frontdesk"
    assert files["service/database_url"].decode() == service
    assert files["migrate/database_url"].decode() == migrate


def test_every_user_may_read_them_and_nobody_may_write(tmp_path: Path) -> None:
    command("secrets", str(tmp_path))
    for name in _files(tmp_path):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o444, name


def test_the_certificate_is_the_keys_and_names_what_was_asked(tmp_path: Path) -> None:
    command(
        "secrets", str(tmp_path), "--name", "accounts.example.org", "--name", "192.0.2.7", "--name", "::1"
    )
    # Fails unless the two belong together.
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
        tmp_path / "edge/tls_certificate", tmp_path / "edge/tls_key"
    )
    certificate = x509.load_pem_x509_certificate((tmp_path / "edge/tls_certificate").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["accounts.example.org"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("192.0.2.7"),
        ipaddress.ip_address("::1"),
    ]
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=198) < left < datetime.timedelta(days=200)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert not constraints.value.ca, "whoever trusts it trusts one server"


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    command("secrets", str(tmp_path))
    before = _files(tmp_path)
    again = command("secrets", str(tmp_path), "--database", "elsewhere:5432", "--name", "other.example.org")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert _files(tmp_path) == before


def test_what_is_there_is_kept_and_what_fits_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db/service_password").write_text("chosen")
    command("secrets", str(tmp_path), "--database", "pg.example.org:6432")
    assert (tmp_path / "db/service_password").read_text() == "chosen"
    url = (tmp_path / "service/database_url").read_text()
    assert url == "postgresql://frontdesk:chosen@pg.example.org:6432/frontdesk"


def test_a_password_that_somebody_chose_arrives_as_it_is_in_the_url(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db/service_password").write_text("p@ss/w:rd?#%\n")
    command("secrets", str(tmp_path))
    url = (tmp_path / "service/database_url").read_text()
    assert url == "postgresql://frontdesk:p%40ss%2Fw%3Ard%3F%23%25@db:5432/frontdesk"


def test_half_of_a_certificate_and_its_key_is_refused(tmp_path: Path) -> None:
    for name in ("tls_key", "tls_certificate"):
        folder = tmp_path / name
        command("secrets", str(folder))
        kept = _files(folder)
        (folder / "edge" / name).unlink()
        refused = command("secrets", str(folder))
        assert refused.returncode == 1
        assert refused.stderr.count("\n") == 1
        assert name in refused.stderr
        del kept[f"edge/{name}"]
        assert _files(folder) == kept


def test_a_folder_that_cannot_be_written_is_a_line() -> None:
    # Not even root may.
    refused = command("secrets", "/proc/frontdesk")
    _refused_in_a_line(refused.returncode, refused.stdout, refused.stderr)


def test_a_file_in_the_way_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("not a folder")
    refused = command("secrets", str(tmp_path))
    _refused_in_a_line(refused.returncode, refused.stdout, refused.stderr)
    assert (tmp_path / "db").read_text() == "not a folder"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--name", "münchen.example"),
        ("--name", ""),
        ("--name", "two words"),
        ("--database", "no-port"),
        ("--database", "db:port"),
        ("--database", "user@db:5432"),
    ],
)
def test_what_is_no_host_is_refused_before_anything_is_made(
    tmp_path: Path, arguments: tuple[str, str]
) -> None:
    refused = command("secrets", str(tmp_path), *arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"frontdesk: {arguments[0]} is ")
    assert refused.stderr.count("\n") == 1
    assert _files(tmp_path) == {}


def _refused_in_a_line(code: int, said: str, complaint: str) -> None:
    assert (code, said) == (1, "")
    assert complaint.startswith("frontdesk: the secrets can't be written: ")
    assert complaint.count("\n") == 1


def test_another_certificate_takes_the_place_of_the_first(tmp_path: Path) -> None:
    command("secrets", str(tmp_path / "ours"))
    command("secrets", str(tmp_path / "theirs"), "--name", "accounts.example.org")
    theirs = _files(tmp_path / "theirs")
    pem = theirs["edge/tls_certificate"] + theirs["edge/tls_key"]

    done = command("secrets", str(tmp_path / "ours"), "--certificate-stdin", stdin=pem.decode())

    assert done.returncode == 0, done.stderr
    assert "It expires on 20" in done.stdout
    ours = _files(tmp_path / "ours")
    assert sorted(ours) == _EVERY_FILE
    assert ours["edge/tls_certificate"] == theirs["edge/tls_certificate"]
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
        tmp_path / "ours/edge/tls_certificate", tmp_path / "ours/edge/tls_key"
    )


@pytest.mark.parametrize("wrong", ["", "hello\n", "certificate", "key", "other key"])
def test_a_certificate_that_is_of_no_use_changes_nothing(tmp_path: Path, wrong: str) -> None:
    command("secrets", str(tmp_path / "ours"))
    command("secrets", str(tmp_path / "theirs"))
    before, theirs = _files(tmp_path / "ours"), _files(tmp_path / "theirs")
    certificate, key = theirs["edge/tls_certificate"].decode(), theirs["edge/tls_key"].decode()
    sent = {
        "certificate": certificate,
        "key": key,
        "other key": certificate + before["edge/tls_key"].decode(),
    }.get(wrong, wrong)

    refused = command("secrets", str(tmp_path / "ours"), "--certificate-stdin", stdin=sent)

    assert refused.returncode == 1
    assert "PEM" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert _files(tmp_path / "ours") == before


def test_a_certificate_that_can_not_be_written_whole_changes_nothing(tmp_path: Path) -> None:
    command("secrets", str(tmp_path / "ours"))
    command("secrets", str(tmp_path / "theirs"))
    before, theirs = _files(tmp_path / "ours"), _files(tmp_path / "theirs")
    sent = (theirs["edge/tls_certificate"] + theirs["edge/tls_key"]).decode()
    # Where the key is written before it takes the old one's place.
    in_the_way = tmp_path / "ours/edge/.tls_key"
    in_the_way.mkdir()
    refused = command("secrets", str(tmp_path / "ours"), "--certificate-stdin", stdin=sent)
    _refused_in_a_line(refused.returncode, refused.stdout, refused.stderr)
    in_the_way.rmdir()
    after = _files(tmp_path / "ours")
    assert {name: after[name] for name in before} == before
