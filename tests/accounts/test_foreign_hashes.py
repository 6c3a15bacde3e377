"""Hashes of other systems. Each was made by that system's own code, not by ours."""

import json
import re

import pytest

from frontdesk.accounts.foreign_hashes import check_foreign_hash, needs_much_memory, verify_foreign
from frontdesk.errors import HashRefused

PASSWORD = "correct horse battery staple"
SALT = "MDEyMzQ1Njc4OWFiY2RlZg"
HASH = "yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI"

KEYCLOAK_PBKDF2 = json.dumps(
    {
        "type": "password",
        "secretData": json.dumps({"value": f"{HASH}=", "salt": f"{SALT}==", "additionalParameters": {}}),
        "credentialData": json.dumps(
            {"hashIterations": 1000, "algorithm": "pbkdf2-sha256", "additionalParameters": {}}
        ),
    }
)
KEYCLOAK_ARGON2_FORM = {
    "hashIterations": 1,
    "algorithm": "argon2",
    "additionalParameters": {
        "hashLength": ["32"],
        "memory": ["64"],
        "type": ["i"],
        "version": ["1.3"],
        "parallelism": ["4"],
    },
}
ARGON2I = "$argon2i$v=19$m=64,t=1,p=4$UFeTmCUfHgQNI84+T3uqMA$DsiLsipvfnEuAQ2l+Dw+DMJxusQHm5SX2i2Ko8yZmn4"
KEYCLOAK_ARGON2 = json.dumps(
    {
        "secretData": {"salt": ARGON2I.split("$")[4], "value": ARGON2I.split("$")[5]},
        "credentialData": KEYCLOAK_ARGON2_FORM,
    }
)

ACCEPTED = {
    "argon2i": ARGON2I,
    "bcrypt": "$2b$04$kDgYK1yfVEOV.kuQGgYdfehMLlLPBTFMBUO4dsrWCPPSvydPAZqqu",
    "bcrypt of PHP": "$2y$04$kDgYK1yfVEOV.kuQGgYdfehMLlLPBTFMBUO4dsrWCPPSvydPAZqqu",
    "Django, SHA-256": "pbkdf2_sha256$1000$saltySALT0123456789abc$u6X5nQjP/blVpl2Fh2yGp+AkUl0U/m0RE6Ewg6X4BPQ=",
    "Django, SHA-1": "pbkdf2_sha1$1000$saltySALT0123456789abc$8+HV5Hfdjv2ngOUjKWORRrJuW0E=",
    "Django, scrypt": "scrypt$256$saltySALT0123456789abc$8$5$5g+bA6As8e1/V0w++GtbXE1JOCGJEZNnRwwfNScj"
    "PMgFrBQFJjecCdHhw+/PedvhdmuUIWQLiVAFpSpWuJFzjw==",
    "PBKDF2": f"$pbkdf2-sha256$i=1000${SALT}${HASH}",
    "PBKDF2, URL-safe base64": f"$pbkdf2-sha256$i=1000${SALT}==${HASH.replace('+', '-')}=",
    "scrypt": f"$scrypt$ln=8,r=8,p=1${SALT}$zsALpsN0ItlCA5wf30wttK9zWaFIhGiJbEtlz5xt1oU",
    "Keycloak, PBKDF2": KEYCLOAK_PBKDF2,
    "Keycloak, argon2": KEYCLOAK_ARGON2,
}

# The example in the README of firebase/scrypt.
FIREBASE = (
    "$firebase-scrypt$ln=14,r=8,sep=Bw==,"
    "key=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
    "$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
)


@pytest.mark.parametrize("stored", ACCEPTED.values(), ids=ACCEPTED)
def test_the_right_password_is_right_and_another_one_wrong(stored: str) -> None:
    check_foreign_hash(stored)
    assert verify_foreign(stored, PASSWORD.encode())
    assert not verify_foreign(stored, b"incorrect horse")
    assert not verify_foreign(stored, b"")


def test_firebase_has_the_example_of_its_readme() -> None:
    check_foreign_hash(FIREBASE)
    assert verify_foreign(FIREBASE, b"user1password")
    assert not verify_foreign(FIREBASE, b"user2password")


@pytest.mark.parametrize("stored", [*ACCEPTED.values(), FIREBASE], ids=[*ACCEPTED, "Firebase"])
def test_another_salt_makes_the_right_password_wrong(stored: str) -> None:
    salted = re.sub(r"salty|UFeT|42xE|MDEy|kDgY", "AAAA", stored)
    assert salted != stored
    assert not verify_foreign(salted, b"user1password" if stored == FIREBASE else PASSWORD.encode())


def test_bcrypt_with_bits_that_mean_nothing_is_read_as_without_them() -> None:
    canonical = "$2b$04$kDgYK1yfVEOV.kuQGgYdfehMLlLPBTFMBUO4dsrWCPPSvydPAZqqu"
    assert canonical[28] == "e"
    for letter in "efmt":
        stored = canonical[:28] + letter + canonical[29:]
        check_foreign_hash(stored)
        assert verify_foreign(stored, PASSWORD.encode())
        assert not verify_foreign(stored, b"another")


def test_bcrypt_reads_72_bytes_as_it_does_everywhere() -> None:
    of_72 = "$2b$04$TgsXEgl9921rKP/H1x5LDOHDI7IzwrPTc3CkhWWToZhiCFXRK6A5S"
    assert verify_foreign(of_72, b"x" * 72)
    assert verify_foreign(of_72, b"x" * 100)
    assert not verify_foreign(of_72, b"x" * 71)
    assert not verify_foreign(of_72, b"x" * 72 + b"\0")


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        (f"$argon2id$v=19$m=1048577,t=1,p=1${SALT}${HASH}", "memory"),
        (f"$argon2id$v=19$m=64,t=11,p=1${SALT}${HASH}", "time"),
        (f"$argon2id$v=19$m=1024,t=1,p=17${SALT}${HASH}", "parallelism"),
        (f"$argon2id$v=19$m=64,t=1,p=0${SALT}${HASH}", "parallelism"),
        ("$2b$16$kDgYK1yfVEOV.kuQGgYdfehMLlLPBTFMBUO4dsrWCPPSvydPAZqqu", "bcrypt cost"),
        (f"pbkdf2_sha256$10000001$salt${HASH}=", "iterations"),
        (f"pbkdf2_sha256$0$salt${HASH}=", "iterations"),
        (f"$pbkdf2-sha1$i=6000000${SALT}${HASH}", "iterations"),
        (f"$pbkdf2-sha256$i=1${SALT}$AAAA", "length"),
        (f"$scrypt$ln=18,r=8,p=1${SALT}${HASH}", "scrypt log2 N"),
        (f"$scrypt$ln=14,r=33,p=1${SALT}${HASH}", "scrypt r"),
        (f"$scrypt$ln=14,r=8,p=17${SALT}${HASH}", "scrypt p"),
        (f"scrypt$262144$salt$8$1${HASH}=", "scrypt log2 N"),
        (f"scrypt$1000$salt$8$1${HASH}=", "power of 2"),
        (FIREBASE.replace("ln=14", "ln=18"), "scrypt log2 N"),
        (KEYCLOAK_PBKDF2.replace("1000", "10000001"), "iterations"),
        (KEYCLOAK_ARGON2.replace('"64"', '"1048577"'), "memory"),
        (KEYCLOAK_ARGON2.replace('"hashIterations": 1', '"hashIterations": 11'), "time"),
    ],
)
def test_a_cost_that_would_be_a_denial_of_service_is_refused(stored: str, why: str) -> None:
    with pytest.raises(HashRefused, match=why):
        check_foreign_hash(stored)
    with pytest.raises(HashRefused, match=why):
        verify_foreign(stored, b"any")


@pytest.mark.parametrize(
    "stored",
    [
        f"$argon2id$v=19$m=1048576,t=10,p=16${SALT}${HASH}",
        "$2b$15$kDgYK1yfVEOV.kuQGgYdfehMLlLPBTFMBUO4dsrWCPPSvydPAZqqu",
        f"pbkdf2_sha256$10000000$salt${HASH}=",
        f"$scrypt$ln=17,r=32,p=16${SALT}${HASH}",
    ],
)
def test_the_greatest_cost_of_each_is_still_accepted(stored: str) -> None:
    check_foreign_hash(stored)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "correct horse battery staple",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
        "!unusable",
        ARGON2I + "\n",
        ARGON2I + "=",
        "$2b$04$kDgYK1yfVEOV",
        f"$argon2id$v=19$m=64,t=1,p=1$AAA${HASH}",
        f"$argon2id$v=18$m=64,t=1,p=1${SALT}${HASH}",
        f"$argon2id$v=19$m=064,t=1,p=1${SALT}${HASH}",
        f"$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZh${HASH}",
        "pbkdf2_sha256$1000$a\0b$eHh4eHh4eHg=",
        f"$pbkdf2-sha256$i=1000$A${HASH}",
        f"$pbkdf2-sha256$i=１０００${SALT}${HASH}",
        "$pbkdf2-sha256$i=1000$" + "A" * 5000 + f"${HASH}",
        "{}",
        "{",
        '{"":' + "[" * 4000,
        '{"secretData": 1, "credentialData": 2}',
        KEYCLOAK_PBKDF2.replace("pbkdf2-sha256", "hmac-md5"),
        KEYCLOAK_PBKDF2.replace("1000", "1000.5"),
        KEYCLOAK_PBKDF2.replace(SALT, "!"),
        KEYCLOAK_ARGON2.replace('"argon2"', '"argon3"'),
        KEYCLOAK_ARGON2.replace('"1.3"', '"1.2"'),
        KEYCLOAK_ARGON2.replace('["64"]', "64"),
        KEYCLOAK_ARGON2.replace('"64"', '"many"'),
    ],
)
def test_what_is_no_known_hash_is_refused_with_a_reason(stored: str) -> None:
    with pytest.raises(HashRefused, match=r"the (hash|Keycloak credential) |length"):
        check_foreign_hash(stored)


def test_only_what_takes_more_memory_than_our_own_hash_needs_much() -> None:
    needy = [f"$argon2id$v=19$m=65536,t=3,p=4${SALT}${HASH}", f"$scrypt$ln=17,r=8,p=1${SALT}${HASH}"]
    assert [needs_much_memory(stored) for stored in needy] == [True, True]
    assert not any(needs_much_memory(stored) for stored in [*ACCEPTED.values(), FIREBASE])
