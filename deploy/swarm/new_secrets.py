"""`python -m deploy.swarm.new_secrets [CERTIFICATE KEY]`: put a deployment's secrets into the swarm.

Without arguments those that aren't there yet, as `frontdesk secrets` makes them; with two files a new version of the
certificate, which the next deployment rolls out. No secret touches a disk here that keeps it, nor a command line.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from deploy.swarm import given
from deploy.swarm.swarm import DockerError, docker
from frontdesk import secret_files
from frontdesk.errors import OperatorError

_FILES = {
    "postgres_password": "db/postgres_password",
    "migrate_password": "db/migrate_password",
    "service_password": "db/service_password",
    "database_url": "service/database_url",
    "migrate_database_url": "migrate/database_url",
    "tls_certificate": "edge/tls_certificate",
    "tls_key": "edge/tls_key",
}
_CERTIFICATE = ("tls_certificate", "tls_key")


def make_all(stack: str, host: str) -> list[str]:
    """Make every secret that isn't there; their names. Raises DockerError, also for half a set of passwords."""
    kept = given.secret_names()
    passwords = [name for name in _FILES if name not in _CERTIFICATE]
    there = [name for name in passwords if f"{stack}_{name}_1" in kept]
    if there and len(there) < len(passwords):
        # They belong together: the database knows what is in the others.
        raise DockerError(
            f"only {', '.join(there)} are there, and new ones wouldn't fit them: docker secret ls"
        )
    wanted = [] if there else passwords
    if not any(name.startswith(f"{stack}_tls_certificate_") for name in kept):
        wanted += _CERTIFICATE
    if not wanted:
        return []
    with _in_memory() as folder:
        for _ in secret_files.make(folder, "db:5432", (host, "localhost")):
            pass
        for secret in wanted:
            docker(
                "secret", "create", f"{stack}_{secret}_1", "-", given=(folder / _FILES[secret]).read_text()
            )
    return [f"{stack}_{secret}_1" for secret in wanted]


def renew_certificate(stack: str, certificate: Path, key: Path) -> list[str]:
    """Put a new version of the certificate there; the secrets' names.

    Raises OperatorError if the two don't belong together or are of no use, DockerError, OSError.
    """
    newest = given.newest(stack, given.secret_names()).get("TLS_VERSION", "0")
    names = [f"{stack}_{name}_{int(newest) + 1}" for name in _CERTIFICATE]
    with _in_memory() as folder:
        secret_files.replace_certificate(folder, certificate.read_bytes() + key.read_bytes())
        for secret, name in zip(names, _CERTIFICATE, strict=True):
            docker("secret", "create", secret, "-", given=(folder / _FILES[name]).read_text())
    return names


@contextlib.contextmanager
def _in_memory() -> Iterator[Path]:
    memory = "/dev/shm"  # noqa: S108 - a folder of a random name within, ours alone
    with tempfile.TemporaryDirectory(dir=memory if os.path.isdir(memory) else None) as name:
        yield Path(name)


def main(arguments: list[str]) -> int:
    stack = os.environ.get("STACK") or "frontdesk"
    try:
        if arguments and len(arguments) != 2:
            print("Either nothing, or two files: CERTIFICATE KEY (PEM).", file=sys.stderr)
            return 2
        if arguments:
            made = renew_certificate(stack, Path(arguments[0]), Path(arguments[1]))
        else:
            public = urlsplit(os.environ.get("PUBLIC_URL", ""))
            made = make_all(stack, public.hostname or "localhost")
    except (OperatorError, ValueError, DockerError) as error:
        print(f"The secrets can't be made: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename or 'A file'} can't be used: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: docker secret ls", file=sys.stderr)
        return 130
    for name in made:
        print(f"Made {name}.")
    if arguments:
        print("The next deployment brings it to the edges.")
    elif not made:
        print("All secrets are there already.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
