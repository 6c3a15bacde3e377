"""Which names are the same, which may be taken, and that none, whatever is in it, does any harm."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontdesk.accounts import identity
from frontdesk.accounts.identity import (
    clean_email,
    clean_name,
    clean_username,
    email_key,
    username_key,
)
from frontdesk.errors import FieldRefused

Clean = Callable[[str], str]
Key = Callable[[str], str]

ASCII = st.characters(max_codepoint=127)
# All that a str can hold: surrogates, controls, unassigned, private.
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=300)
# What can be a name, and mostly what is easily taken for something else.
LETTERS = st.text(
    st.one_of(
        st.sampled_from("abcABC019._-lIrnmßſıİςΣµÅéﬁＡ１々ー王ᾷŉǆא٣م\u0301\u0345\u200c\u200d"),
        st.sampled_from(sorted(identity._lookalikes())),
        st.characters(categories=["L", "M", "N"]),
    ),
    min_size=1,
    max_size=20,
)
ADDRESSES = st.builds(
    "{}@{}".format,
    LETTERS,
    st.one_of(
        st.sampled_from(["example.org", "EXAMPLE.ORG", "exämple.de", "xn--exmple-cua.de", "例え.jp"]),
        LETTERS.map("{}.example.org".format),
    ),
)


def accepted(clean: Clean, text: str) -> str | None:
    """What `clean` makes of it, or None; any other error than its own fails the test."""
    try:
        return clean(text)
    except FieldRefused:
        return None


@settings(max_examples=200, deadline=None)
@given(ANYTHING)
def test_anything_at_all_is_taken_or_refused(text: str) -> None:
    for clean in (clean_username, clean_email, clean_name):
        for taken in (accepted(clean, text), accepted(clean, text + "@example.org")):
            assert taken is None or identity.is_text(taken)


@settings(max_examples=400, deadline=None)
@given(LETTERS)
def test_what_was_cleaned_is_clean(text: str) -> None:
    for clean in (clean_username, clean_name):
        cleaned = accepted(clean, text)
        assert cleaned is None or clean(cleaned) == cleaned


@settings(max_examples=300, deadline=None)
@given(ADDRESSES)
def test_address_that_was_cleaned_is_clean(text: str) -> None:
    cleaned = accepted(clean_email, text)
    assert cleaned is None or clean_email(cleaned) == cleaned


def same_key_in_every_form(clean: Clean, key: Key, text: str) -> None:
    cleaned = accepted(clean, text)
    if cleaned is None:
        return
    expected = key(cleaned)
    forms = {
        "as typed": text,
        "capitals": cleaned.upper(),
        "small letters": cleaned.lower(),
        "a title": cleaned.title(),
        "folded": cleaned.casefold(),
        **{form: unicodedata.normalize(form, cleaned) for form in ("NFC", "NFD", "NFKC", "NFKD")},  # type: ignore[arg-type]
        "the key itself": expected,
    }
    assert {form: key(typed) for form, typed in forms.items()} == dict.fromkeys(forms, expected)
    # What PostgreSQL takes in an index.
    assert len(expected.encode()) < 2700


@settings(max_examples=400, deadline=None)
@given(LETTERS)
def test_username_is_the_same_in_every_form(text: str) -> None:
    same_key_in_every_form(clean_username, username_key, text)


@settings(max_examples=300, deadline=None)
@given(ADDRESSES)
def test_address_is_the_same_in_every_form(text: str) -> None:
    same_key_in_every_form(clean_email, email_key, text)


@settings(max_examples=1000, deadline=None)
@given(
    st.one_of(
        st.text(ASCII, max_size=60),
        st.from_regex(r"\s?[A-Za-z0-9.+_'-]{1,20}@[A-Za-z0-9.-]{1,20}\s?", fullmatch=True, alphabet=ASCII),
    )
)
def test_ascii_addresses_have_the_key_that_the_rules_give(text: str) -> None:
    if "xn--" not in text.lower():
        assert email_key(text) == identity._email_key_by_rules(text)


@pytest.mark.parametrize(
    "username", ["ᾷb", "ῇb", "ῷb", "straße", "ŉa", "ǆb", "Σίσυφος", "İstanbul", "ıi", "ĢﬞA"]
)
def test_username_with_a_letter_that_is_hard_to_fold_is_the_same_in_every_form(username: str) -> None:
    same_key_in_every_form(clean_username, username_key, username)


@pytest.mark.parametrize(
    "address",
    ["Ģﬞ@example.org", "0@0\U000e0100.example.org", "A@XN--EXMPLE-CUA.de", "ß@example.org", " a@example.org "],
)
def test_address_that_is_hard_to_fold_is_the_same_in_every_form(address: str) -> None:
    same_key_in_every_form(clean_email, email_key, address)


USERNAMES = {
    "Latin": "alice",
    "Latin with marks": "Zoë-Ärmel",
    "Cyrillic": "Алиса",
    "Greek": "Σίσυφος",
    "Armenian": "Արամ",
    "Georgian": "ნინო",
    "Arabic": "محمد",
    "Arabic with a digit": "محمد7",
    "Persian": "نامه\u200cای",
    "Hebrew": "משה",
    "Devanagari": "दीपक",
    "Devanagari with a joiner": "क्\u200dष",
    "Bengali": "অমিত",
    "Tamil": "தமிழ்",
    "Thai": "สมชาย",
    "Amharic": "አበበ",
    "Chinese": "王伟",
    "Chinese, one character": "王",
    "Japanese": "たろうタロー",
    "Korean": "김민수",
    "Cherokee": "ᏣᎳᎩ",
    "dots, lines and digits": "a.b_c-9",
}


@pytest.mark.parametrize("username", USERNAMES.values(), ids=USERNAMES)
def test_username_of_any_script_is_taken_as_it_is(username: str) -> None:
    assert clean_username(username) == unicodedata.normalize("NFC", username)
    assert clean_username(f"  {username} ") == clean_username(username)


def test_wide_letters_become_common_ones() -> None:
    assert clean_username("Ｂｏｂ") == "Bob"


@pytest.mark.parametrize(
    ("username", "code"),
    [
        ("", "username_too_short"),
        ("   ", "username_too_short"),
        ("a", "username_too_short"),
        ("é", "username_too_short"),
        ("x" * 41, "username_too_long"),
        ("x" * 10_000, "username_too_long"),
        ("e\u0301" * 41, "username_too_long"),
        *((f"al{c}ice", "username_invalid") for c in "@/\\?#%&=+:;,<>\"'`|^~*()[]{}!$ "),
        ("alice@example.org", "username_invalid"),
        (".alice", "username_invalid"),
        ("alice.", "username_invalid"),
        ("-alice", "username_invalid"),
        ("🙂🙂", "username_invalid"),
        ("ﬁsh", "username_invalid"),
        ("al\u200bice", "username_invalid"),
        ("al\u200dice", "username_invalid"),
        ("al\u202eice", "username_invalid"),
        ("al\u0000ice", "username_invalid"),
        ("al\ud800ice", "username_invalid"),
        ("al\nice", "username_invalid"),
        # RFC 5893: in one direction, or it would be shown in another order than it is typed.
        ("abcמשה", "username_invalid"),
        ("משהabc", "username_invalid"),
        ("7محمد", "username_invalid"),
    ],
)
def test_username_that_can_not_be_one_is_refused(username: str, code: str) -> None:
    with pytest.raises(FieldRefused) as refused:
        clean_username(username)
    assert (refused.value.error.field, refused.value.error.code) == ("username", code)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice", "ALICE"),
        ("alice", "аlice"),
        ("alice", "αlice"),
        ("paypal", "раураl"),
        ("paypal", "ｐａｙｐａｌ"),
        ("bill", "bi11"),
        ("bill", "BIll"),
        ("modern", "modem"),
        ("oslo", "0slo"),
        ("scope", "ѕсоре"),
        ("straße", "STRASSE"),
        ("café", "cafe\u0301"),
        ("σοφος", "ΣΟΦΟΣ"),
    ],
)
def test_usernames_that_look_alike_are_the_same(one: str, other: str) -> None:
    assert username_key(one) == username_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("alice", "alise"), ("cafe", "café"), ("王伟", "王维"), ("anna", "ana"), ("a-b", "a.b"), ("ab", "ba")],
)
def test_usernames_that_differ_are_different(one: str, other: str) -> None:
    assert username_key(one) != username_key(other)


@pytest.mark.parametrize(
    "username", ["admin", "ADMIN", "аdmin", "ａｄｍｉｎ", "adrnin", "root", "r00t", "support", "api"]
)
def test_names_of_the_service_itself_are_kept_for_those_who_run_it(username: str) -> None:
    with pytest.raises(FieldRefused) as refused:
        clean_username(username)
    assert refused.value.error.code == "username_reserved"
    assert clean_username(username, reserved=True)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("alice@example.org", "alice@example.org"),
        ("  Alice@EXAMPLE.Org\n", "Alice@example.org"),
        ("al+tag@example.org", "al+tag@example.org"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("алиса@example.org", "алиса@example.org"),
        ("用户@例え.jp", "用户@例え.jp"),
        ("a@xn--exmple-cua.de", "a@exämple.de"),
        ("e\u0301@example.org", "é@example.org"),
    ],
)
def test_address_is_kept_as_it_was_typed_with_its_domain_in_one_spelling(typed: str, kept: str) -> None:
    assert clean_email(typed) == kept


@pytest.mark.parametrize(
    ("address", "code"),
    [
        *(
            (text, "email_invalid")
            for text in ("", "alice", "@example.org", "alice@", "a@b", "a@localhost", "a@@example.org")
        ),
        *(
            (text, "email_invalid")
            for text in ("a b@example.org", '"a b"@example.org', "a@[127.0.0.1]", "a@-x.org")
        ),
        *(
            (text, "email_invalid")
            for text in ("a..b@example.org", "a@example..org", "a@x.test", "Alice <a@example.org>")
        ),
        *(
            (text, "email_invalid")
            for text in ("a\0@example.org", "a\ud800@example.org", "a\u202e@example.org")
        ),
        ("a" * 65 + "@example.org", "email_invalid"),
        ("a" * 250 + "@example.org", "email_too_long"),
        ("a" * 1_000_000, "email_too_long"),
    ],
)
def test_address_that_can_not_be_one_is_refused(address: str, code: str) -> None:
    with pytest.raises(FieldRefused) as refused:
        clean_email(address)
    assert (refused.value.error.field, refused.value.error.code) == ("email", code)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice@example.org", "ALICE@example.ORG"),
        ("alice@example.org", "аlice@example.org"),
        ("alice@example.org", "ａｌｉｃｅ@example.org"),
        ("alice@exämple.de", "Alice@xn--exmple-cua.de"),
        ("straße@example.org", "STRASSE@example.org"),
    ],
)
def test_addresses_that_differ_by_case_or_another_script_are_the_same(one: str, other: str) -> None:
    assert email_key(one) == email_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bill1@example.org", "billl@example.org"),
        ("modern@example.org", "modem@example.org"),
        ("o0@example.org", "oo@example.org"),
        ("a.b@example.org", "ab@example.org"),
        ("a+b@example.org", "a@example.org"),
        ("a@example.org", "a@example.com"),
    ],
)
def test_addresses_that_differ_in_ascii_are_two_peoples(one: str, other: str) -> None:
    assert email_key(one) != email_key(other)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Alice \t  Archer ", "Alice Archer"),
        ("Alice 🙂", "Alice 🙂"),
        ("👨\u200d👩\u200d👧 Family", "👨\u200d👩\u200d👧 Family"),
        ("王 伟", "王 伟"),
        ("王\u3000伟", "王 伟"),
        ("Zoe\u0308", "Zoë"),
        ("O’Neil, Dr. h.c. (Sgt.)", "O’Neil, Dr. h.c. (Sgt.)"),
        ("שלום Cohen", "שלום Cohen"),
        ("क्\u200dष", "क्\u200dष"),
        ("<b>Bob</b>", "<b>Bob</b>"),
        ("X" * 100, "X" * 100),
    ],
)
def test_name_of_any_script_is_kept_with_single_spaces(typed: str, kept: str) -> None:
    assert clean_name(typed) == kept


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "name_missing"),
        (" \u3000\n", "name_missing"),
        ("X" * 101, "name_too_long"),
        ("X" * 1_000_000, "name_too_long"),
        ("--", "name_invalid"),
        ("🙂", "name_invalid"),
        ("al\u0000ice", "name_invalid"),
        ("al\u001bice", "name_invalid"),
        ("al\u202eice", "name_invalid"),
        ("al\u2066ice", "name_invalid"),
        ("al\u200bice", "name_invalid"),
        ("al\ud800ice", "name_invalid"),
        ("al\ue000ice", "name_invalid"),
        ("\u200d\u200d", "name_invalid"),
    ],
)
def test_name_that_can_not_be_one_is_refused(name: str, code: str) -> None:
    with pytest.raises(FieldRefused) as refused:
        clean_name(name)
    assert (refused.value.error.field, refused.value.error.code) == ("name", code)


def test_languages_are_those_of_the_pages() -> None:
    assert [identity.check_language(language) for language in identity.LANGUAGES] == ["en", "zh-Hans"]
    for language in ("", "EN", "de", "zh", "en\n"):
        with pytest.raises(FieldRefused, match="language_unknown"):
            identity.check_language(language)
