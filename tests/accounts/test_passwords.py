"""Which passwords are let in: NIST SP 800-63B-4, and the people who own them."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.accounts import passwords
from frontdesk.accounts.passwords import (
    MAX_LENGTH,
    check_password,
    common_password_count,
    is_common,
    normalise_password,
)
from frontdesk.errors import PasswordRefused

ALICE = {"email": "alice.liddell@example.org", "username": "wonderland", "name": "Alice Pleasance Liddell"}


def chosen(password: str, *, min_length: int = 15, **person: str) -> str:
    return check_password(password, min_length=min_length, **{**ALICE, **person})


def refusal(password: str, *, min_length: int = 8, **person: str) -> str:
    with pytest.raises(PasswordRefused) as refused:
        chosen(password, min_length=min_length, **person)
    return refused.value.code


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "correcthorsebatterystaple",
        "                 a b c d e f",
        "moja żółta łódka pływa",
        "我的密码是一句很长的中文句子啊",
        "пароль из многих слов",
        "🐙🦑🐡🐠🐟🐬🐳🐋🦈🦭🐊🐅🐆🦓🦍",
        "👩‍👩‍👧‍👦 and four words",
        "8307 4416 2950 7731",
        "password managers made kX9#q",
        "'; DROP TABLE accounts; --",
        "\u202eright to left override",
    ],
)
def test_long_enough_is_good_enough_whatever_the_characters(password: str) -> None:
    assert chosen(password) == unicodedata.normalize("NFKC", password)


def test_length_is_counted_in_code_points_after_normalising() -> None:
    assert refusal("e\u0301" * 3 + "abcd", min_length=8) == "password_too_short"
    assert chosen("zx\u00e9qwvkj", min_length=8) == chosen("zxe\u0301qwvkj", min_length=8)
    assert refusal("x7Kq9mPz4wT2vL", min_length=15) == "password_too_short"
    assert chosen("x7Kq9mPz4wT2vLb", min_length=15)


def test_the_refusal_says_which_length_is_wanted() -> None:
    with pytest.raises(PasswordRefused) as short:
        chosen("x7Kq9mPz", min_length=15)
    assert short.value.limit == 15
    with pytest.raises(PasswordRefused) as long:
        chosen("x7Kq9mPz" * 33)
    assert long.value.limit == MAX_LENGTH


def test_256_code_points_are_accepted_and_one_more_is_not() -> None:
    long = "".join(chr(0x4E00 + 37 * place) for place in range(MAX_LENGTH))
    assert chosen(long) == long
    assert refusal(long + "好") == "password_too_long"
    assert refusal("\ufdfa" * 20) == "password_too_long"


def test_a_megabyte_is_refused_without_being_normalised() -> None:
    marks = "a" + "\u0301\u0323" * 500_000
    assert refusal(marks) == "password_too_long"
    assert refusal("\0" * 1_000_000) == "password_too_long"
    assert normalise_password(marks) is marks


@pytest.mark.parametrize("bad", ["\ud800", "\0", "\n", "\t", "\x7f", "\x85"])
def test_what_no_field_lets_through_is_invalid(bad: str) -> None:
    assert refusal(f"correct horse {bad} battery staple") == "password_invalid"


@pytest.mark.parametrize(
    "password",
    [
        "12345678",
        "password",
        "PassWord",
        "ｐａｓｓｗｏｒｄ",
        "qwertyuiop",
        "trustno1",
        "iloveyou",
        "1qaz2wsx3edc4rfv",
        "polniypizdec0211",
        "PolniyPizdec110211",
    ],
)
def test_a_password_of_the_list_is_common_in_any_case_and_width(password: str) -> None:
    assert refusal(password) == "password_common"


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaab",
        "好好好好好好好好好好好好好好好",
        "🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑",
        "abcabcabcabcabcabc",
        "xkzjxkzjxkzjxkzj",
        "passwordpassword",
        "DragonDragonDragon",
        "123456789012345",
        "098765432109876",
        "890178909012",
        "xqvxvqqxvvqxqvx",
        "abcdefghijklmnop",
        "qwertyuiopasdfghjkl",
        "qwertzuiop123456",
        "lkjhgfdsapoiuytrewq",
        "aaaabbbbccccdddd",
        "abcd1234efgh5678",
    ],
)
def test_what_only_repeats_or_runs_along_is_common_however_long(password: str) -> None:
    assert refusal(password) == "password_common"


@pytest.mark.parametrize(
    "password",
    ["password1234567", "Password!!!!!!!", "...sunshine2024", "1234567-sunshine", "PasswordPassword99"],
)
def test_a_common_word_with_digits_and_punctuation_around_it_is_common(password: str) -> None:
    assert refusal(password) == "password_common"


@pytest.mark.parametrize(
    "password",
    ["frontdesk123456", "Frontdesk frontdesk", "login: FrontDesk 2026", "frontdeskpassword", "frontdesk!"],
)
def test_the_name_of_this_service_with_little_around_it_is_common(password: str) -> None:
    assert refusal(password) == "password_common"


def test_common_words_and_the_service_may_be_part_of_something_longer() -> None:
    assert chosen("the frontdesk has purple lamps")
    assert chosen("sunshine falls on grey tiles")
    assert chosen("love 8374-6529-1083-4417")


@pytest.mark.parametrize(
    "password",
    [
        "i am alice.liddell@example.org",
        "ALICE.LIDDELL goes down",
        "through the WonderLand gate",
        "Liddell was here before",
        "pleasance on a sunday",
        "alicepleasanceliddell!",
        "A.l.i.c.e in the garden",
        "Ａｌｉｃｅ in the garden",
        "Àlíce in the garden",
    ],
)
def test_a_persons_own_name_username_or_address_is_personal(password: str) -> None:
    assert refusal(password) == "password_personal"


def test_an_address_is_found_without_its_tag_too() -> None:
    assert refusal("carroll reads at night", email="carroll+frontdesk@example.org") == "password_personal"


def test_marks_and_case_do_not_hide_a_name() -> None:
    assert refusal("bjorn walks to the sea", name="Björn Ek") == "password_personal"
    assert refusal("BJÖRN walks to the sea", name="Bjorn Ek") == "password_personal"
    assert refusal("die strasse ist lang da", name="Anna Straße") == "password_personal"


def test_chinese_japanese_and_korean_names_of_two_characters_count() -> None:
    assert refusal("我爱王伟和大家们哦", name="王伟") == "password_personal"
    assert refusal("我爱王伟和大家们哦", name="王 伟") == "password_personal"
    assert refusal("김치찌개와민준그리고", name="민준 김") == "password_personal"
    assert chosen("今天的天气真不错我们去公园玩吧", name="王伟")


def test_short_names_and_mail_domains_refuse_nothing() -> None:
    assert chosen("also the bold lionesses", name="Al Bo Li", username="lio", email="so@example.org")
    assert chosen("example texts are boring")


def test_the_list_has_at_least_100_000_passwords() -> None:
    assert common_password_count() >= 100_000


@pytest.mark.parametrize(
    "password",
    [
        "123456",
        "password",
        "qwerty",
        "letmein",
        "dragon",
        "monkey",
        "football",
        "abc123",
        "111111",
        "starwars",
    ],
)
def test_the_list_has_what_everybody_knows(password: str) -> None:
    assert is_common(password)


def test_the_list_has_each_entry_once_and_in_order() -> None:
    data, size = passwords._list(), passwords.HASH_BYTES
    entries = [data[start : start + size] for start in range(0, len(data), size)]
    assert all(a < b for a, b in pairwise(entries))
    assert len(entries[-1]) == size
    assert len(data) < 1_000_000


def test_the_list_hardly_ever_names_what_is_not_in_it() -> None:
    assert sum(is_common(f"nobody chose this one {number}") for number in range(20_000)) == 0


def end(password: str, **person: str) -> str:
    """The password that is kept, or the code of the refusal."""
    try:
        return chosen(password, min_length=8, **person)
    except PasswordRefused as refused:
        return refused.code


CODES = ["too_short", "too_long", "common", "personal", "invalid"]


@given(st.text(max_size=300), st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_typed_is_a_normalised_password_or_a_reasoned_refusal(
    password: str, name: str, username: str
) -> None:
    kept = end(password, email=f"{username}@example.org", username=username, name=name)
    if kept not in [f"password_{code}" for code in CODES]:
        assert kept == unicodedata.normalize("NFKC", password) == normalise_password(kept)
        assert 8 <= len(kept) <= MAX_LENGTH
        assert kept.encode()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=300))
def test_composed_and_decomposed_are_one_password(password: str) -> None:
    assert end(unicodedata.normalize("NFC", password)) == end(unicodedata.normalize("NFD", password))


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=30), st.text(max_size=30))
def test_no_password_may_hold_its_owners_username(username: str, rest: str) -> None:
    with pytest.raises(PasswordRefused):
        chosen(f"{rest} {username.upper()} {rest}", min_length=8, username=username)
