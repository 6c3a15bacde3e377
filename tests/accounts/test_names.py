"""Folding: what a name and a username become in the index."""

from functools import cache
from string import ascii_lowercase, punctuation

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontdesk.accounts import mistakes
from frontdesk.accounts.identity import clean_username
from frontdesk.accounts.mistakes import ONE, allowed, meant, one_away, remainders, typed_remainders
from frontdesk.accounts.names import (
    KEY_MAX,
    KEYS_MAX,
    SIGNS,
    keys_of,
    may_have,
    tokens_of,
    vocabulary_of,
    words_of,
)
from frontdesk.errors import FieldRefused

# Of many scripts, with what joins, marks or changes letters, and what stands between words.
_LETTERS = "abcİıéøßœŁ\u0301\u0306\u0308王伟明国さトー김수أعلىمحАйяςΣοὐराहुजै'’`´.-_·\u00ad ７Ａ½ﬁ"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("Björn", ("bjorn",)),
        ("BJÖRN", ("bjorn",)),
        ("Bjo\u0308rn", ("bjorn",)),
        ("Ｗａｎｇ　Ｗｅｉ", ("wang", "wei")),
        ("Straße", ("strasse",)),
        ("Søren Kierkegård", ("soren", "kierkegard")),
        ("Łukasz", ("lukasz",)),
        ("İbrahim IŞIK ışık", ("ibrahim", "isik", "isik")),
        ("Ærø", ("aero",)),
        ("Nguyễn Văn Đức", ("nguyen", "van", "duc")),
        ("O'Brien", ("obrien",)),
        ("O’Brien", ("obrien",)),
        ("Anne-Marie", ("anne", "marie")),
        ("Σωκράτης", ("σωκρατησ",)),
        ("أَحْمَد", ("احمد",)),
        ("राहुल", ("राहुल",)),
        ("がっこう", ("がっこう",)),
        ("王伟David", ("王伟", "david")),
        ("阿里·巴巴", ("阿里", "巴巴")),
        ("%_\\", ()),
        ("🌸 ✨", ()),
        (" \t\n", ()),
    ],
)
def test_case_accents_width_and_punctuation_do_not_matter(typed: str, words: tuple[str, ...]) -> None:
    assert words_of(typed) == words


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("王伟", {"b王伟", "bwang wei", "cwei wang", "c伟", "dww"}),
        ("王小明", {"b王小明", "c小明", "c明", "bwang xiaoming", "cxiaoming wang", "dwxm"}),
        ("单田芳", {"bshan tianfang", "bdan tianfang", "dstf"}),
        ("曾国藩", {"bzeng guofan", "bceng guofan"}),
        ("解小东", {"bxie xiaodong", "bjie xiaodong"}),
        ("欧阳娜娜", {"bouyang nana", "b欧阳娜娜", "doynn"}),
        ("吕布", {"blv bu", "blu bu"}),
        ("林乐", {"blin le", "blin yue"}),
        ("田中 太郎", {"btanaka taro", "ctaro tanaka", "b田中 太郎"}),
        ("さとう しょうこ", {"bsato shoko", "bさとう しょうこ"}),
        ("サトウ", {"bsato"}),
        ("김민수", {"b김민수", "bkim minsu", "bgim minsu", "c민수"}),
        ("Наталья Петрова", {"bnatalya petrova", "cпетрова наталья"}),
        ("Χρήστος Παπαδόπουλος", {"bchristos papadopoulos"}),
        ("محمد علي", {"bmohammed ali", "bmuhammad ali", "emhmd l"}),
        ("Anne Marie Smith", {"banne marie smith", "csmith marie anne", "canne smith marie"}),
    ],
)
def test_a_name_is_kept_in_every_way_that_people_type_it(name: str, keys: set[str]) -> None:
    assert keys <= set(keys_of("x", name))


def test_every_ordered_pair_of_words_begins_a_key() -> None:
    keys = keys_of("x", "María José García López")
    words = ("maria", "jose", "garcia", "lopez")
    for one in words:
        for other in words:
            assert one == other or any(key[1:].startswith(f"{one} {other} ") for key in keys)


def test_a_username_is_kept_without_its_punctuation_and_as_it_is_written() -> None:
    assert "abjornsvensson7 bjorn.svensson7" in keys_of("Bjorn.Svensson7", "Björn")
    assert "csvensson7" in keys_of("Bjorn.Svensson7", "Björn")


def test_a_part_of_the_username_that_the_name_has_anyway_costs_no_key() -> None:
    assert not any(key.startswith("csmith") for key in keys_of("jane.smith", "Smith"))


def test_the_vocabulary_holds_words_in_latin_letters_only() -> None:
    assert vocabulary_of("王伟 David 7th O") == {"wang", "wei", "david"}


@given(st.text(max_size=40), st.text(max_size=120))
def test_any_text_has_bounded_keys(username: str, name: str) -> None:
    keys = keys_of(username, name)
    assert len(keys) <= KEYS_MAX
    assert len(set(keys)) == len(keys)
    for key in keys:
        assert 2 <= len(key) <= KEY_MAX + 1
        assert "\0" not in key
        key.encode()


def test_no_character_leaves_anything_that_is_no_word() -> None:
    for number in (*range(0xD800), *range(0xE000, 0x20000)):
        words = words_of(chr(number))
        assert words_of(" ".join(words)) == words, hex(number)


@given(st.text(max_size=80))
def test_folding_what_was_folded_changes_nothing(text: str) -> None:
    words = words_of(text)
    assert words_of(" ".join(words)) == words


@given(st.text(alphabet="abcdeéøß王伟김あА -", min_size=1, max_size=30))
def test_every_word_of_a_name_is_a_token_of_it(name: str) -> None:
    assert set(words_of(name)) <= tokens_of("x", name)


@settings(max_examples=500)
@given(
    st.text(alphabet=_LETTERS, min_size=1, max_size=20), st.text(alphabet=_LETTERS, min_size=1, max_size=20)
)
def test_nobody_is_ruled_out_by_the_beginning_of_a_token(username: str, name: str) -> None:
    for token in tokens_of(username, name):
        assert may_have(username, name, (token, token[:1]))


@pytest.mark.parametrize(
    ("username", "name", "words"),
    [
        ("jsmith", "Jennifer Smith", ("jennifer", "wong")),
        ("bjorn", "Björn Müller", ("bjorn", "muller", "x")),
        ("nata", "Наталья Петрова", ("natalya", "сысоева")),
        ("nata", "Наталья Петрова", ("petrova", "ivan")),
        ("wangwei", "王伟", ("王", "明")),
    ],
)
def test_who_has_not_all_the_letters_is_ruled_out(username: str, name: str, words: tuple[str, ...]) -> None:
    assert not may_have(username, name, words)


@pytest.mark.parametrize(
    ("typed", "word", "mistakes"),
    [
        ("jenifer", "jennifer", 1),
        ("jennfier", "jennifer", 1),
        ("jenifr", "jennifer", 2),
        ("jennifer", "jennifer", None),
        ("wnag", "wang", 1),
        ("kang", "wang", None),
        ("awng", "wang", None),
        ("bilson", "wilson", 1),
        ("wislon", "wilson", 1),
        ("wisloon", "wilson", None),
        ("wie", "wei", None),
    ],
)
def test_a_word_forgives_one_mistake_from_four_letters_and_two_from_eight(
    typed: str, word: str, mistakes: int | None
) -> None:
    assert dict(meant(typed, [word, "olgierd"])).get(word) == mistakes


@st.composite
def _mistyped(draw: st.DrawFn) -> tuple[str, str]:
    word = draw(st.text(alphabet="abcdefgh", min_size=4, max_size=16))
    typed = list(word)
    for _ in range(draw(st.integers(1, max(1, allowed(word))))):
        at = draw(st.integers(0, len(typed) - 1))
        match draw(st.sampled_from(["leave out", "add", "replace", "swap"])):
            case "leave out" if len(typed) > 1:
                del typed[at]
            case "add":
                typed.insert(at, draw(st.sampled_from("abcdefghij")))
            case "replace":
                typed[at] = draw(st.sampled_from("abcdefghij"))
            case _ if at + 1 < len(typed):
                typed[at], typed[at + 1] = typed[at + 1], typed[at]
    return "".join(typed), word


@given(_mistyped())
def test_whatever_is_near_enough_shares_a_remainder(pair: tuple[str, str]) -> None:
    typed, word = pair
    if meant(typed, [word]):
        assert typed_remainders(typed) & remainders(word, allowed(word))


@given(st.text(alphabet="abz", min_size=2, max_size=7), st.sampled_from([2, ONE]))
def test_one_away_is_every_word_that_is_one_mistake_away(word: str, least: int) -> None:
    near = {
        other
        for n in range(len(word) + 1)
        for cut in range(3)
        for new in ("", *ascii_lowercase, word[n : n + 2][::-1])
        if _mistakes(other := word[:n] + new + word[n + cut :], word) == 1
    }
    short = {other for other in near if min(len(other), len(word)) <= ONE and other[:1] != word[0]}
    assert set(one_away(word, least=least).splitlines()) == {w for w in near - short if len(w) >= least}


@given(st.text(alphabet="ab1", min_size=2, max_size=8), st.integers(0, 8))
def test_one_away_can_be_asked_for_by_the_place_of_the_mistake(word: str, half: int) -> None:
    half = min(half, len(word))
    first = set(one_away(word, places=range(half)).split("\n"))
    second = set(one_away(word, places=range(half, len(word) + 1)).split("\n"))
    assert (first | second) - {""} == set(one_away(word).split("\n")) - {""}
    assert all(other.endswith(word[half + 1 :]) for other in first - {""})
    assert all(other.startswith(word[:half]) for other in second - {""})


def test_digits_are_no_typing_mistakes() -> None:
    found = one_away("anna89", before="x").split("\n")
    assert {"xanna89", "xanna8", "xanna9", "xanna98", "xanna8b9", "xann8a9"}.isdisjoint(found)
    assert {"xanan89", "xana89", "xannab89", "xanna89b"} <= set(found)


@given(
    _mistyped()
    | st.tuples(
        st.text(alphabet="abc", min_size=1, max_size=10), st.text(alphabet="abc", min_size=1, max_size=10)
    )
)
def test_mistakes_are_counted_by_their_definition(pair: tuple[str, str]) -> None:
    typed, word = pair
    counted = _mistakes(typed, word)
    assert mistakes.is_one_away(typed, word) == (counted == 1)
    first = typed[0] == word[0] or min(len(typed), len(word)) > ONE
    assert meant(typed, [word]) == ([(word, counted)] if 0 < counted <= allowed(word) and first else [])


def _mistakes(a: str, b: str) -> int:
    """Optimal string alignment, as its definition says it."""

    @cache
    def count(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        ways = [count(i - 1, j) + 1, count(i, j - 1) + 1, count(i - 1, j - 1) + (a[i - 1] != b[j - 1])]
        if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
            ways.append(count(i - 2, j - 2) + 1)
        return min(ways)

    return count(len(a), len(b))


@pytest.mark.timeout(5)
def test_a_long_row_of_characters_with_two_readings_costs_no_more_than_a_short_one() -> None:
    assert keys_of("alice", "王 " + "行" * 98)


@pytest.mark.parametrize("sign", punctuation)
def test_the_signs_that_mistakes_are_looked_for_around_are_those_of_usernames(sign: str) -> None:
    if sign.translate(SIGNS):
        with pytest.raises(FieldRefused):
            clean_username(f"jo{sign}smith")
    else:
        assert clean_username(f"jo{sign}smith") == f"jo{sign}smith"
