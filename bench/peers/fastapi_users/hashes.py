"""Verifications a second of fastapi-users' own hash: python hashes.py PASSWORD SECONDS."""

import sys
import time

from fastapi_users.password import PasswordHelper


def main() -> None:
    password, seconds = sys.argv[1], float(sys.argv[2])
    helper = PasswordHelper()
    stored = helper.hash(password)
    began = time.perf_counter()
    count = 0
    while time.perf_counter() - began < seconds:
        helper.verify_and_update(password, stored)
        count += 1
    print(count / (time.perf_counter() - began))


if __name__ == "__main__":
    main()
