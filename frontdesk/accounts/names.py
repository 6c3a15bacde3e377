"""What a person can be found by: display name and username, folded into the keys of the search index.

A key is one letter for its kind, then words with one space between them. In byte order a space comes before
every letter, so one range of the index is "begins so", with whole words first:

- `a` the username without its punctuation, and, if it had any, a space and the username as it's written
- `b` the whole name, once in each way of writing it (characters, pinyin, romanised)
- `c` the name with another word first, every ordered pair of words once; the later parts of a username
- `d` the initials of a Chinese name
- `e` the consonants of an Arabic or Hebrew name, which is written without most of its vowels

Sources: Unicode NFKC and case folding (UAX #15), anyascii for the sound of other scripts, readings.py for
names that don't sound as they are spelled.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import islice, product

from anyascii import anyascii

from frontdesk.accounts.readings import is_compound_surname, readings

# No name is longer in earnest; what exceeds these is ignored on both sides, in the index and in the query.
WORDS_MAX = 6
WORD_MAX = 32
KEY_MAX = 72
KEYS_MAX = 40
FORMS_MAX = 4
# For str.translate: takes away the signs of a username, those that identity.py lets into one.
SIGNS = str.maketrans("", "", "._-")

_APOSTROPHES = dict.fromkeys(map(ord, "'’‘ʼʻ`´＇\u200c\u200d\u00ad\u0640"))
_HAN = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3041-\u3096\u30a1-\u30fa\u30fc"
# \w leaves out the vowel signs of Indic and South-East Asian scripts, and accents that no letter has taken
# in.
_SIGNS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0711\u0730-\u074a"
    "\u0900-\u0963\u0966-\u0df3\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u0f71-\u0f84"
    "\u102b-\u103e\u1056-\u109d\u1712-\u1734\u17b4-\u17d3\u1a17-\u1a7f\u1ab0-\u1aff\u1b00-\u1bf3\u1c24-\u1c37"
    "\u1dc0-\u1dff\u20d0-\u20ff\ua823-\ua82c\ua880-\ua8c5\ua926-\ua953\ua980-\ua9c0\uaa29-\uaaef\uabe3-\uabed"
)
_WORDS = re.compile(f"[{_HAN}{_KANA}]+|(?:[^\\W_{_HAN}{_KANA}]|[{_SIGNS}])+")
_ASCII_WORDS = re.compile("[a-z0-9]+")
# Letters in lower case and digits; and what is neither.
_ASCII_LETTERS = bytes(range(256)).lower()
_ASCII_SIGNS = bytes(n for n in range(128) if not chr(n).isalnum())
_HAS_HAN = re.compile(f"[{_HAN}]").search
_HAS_KANA = re.compile(f"[{_KANA}]").search
_HAS_GREEK = re.compile("[\u0370-\u03ff\u1f00-\u1fff]").search
_HANGUL = re.compile("[\uac00-\ud7a3]+").fullmatch
_UNVOWELLED = re.compile("[\u0590-\u06ff\u0750-\u077f]").search
_LATIN = re.compile("[\u00c0-\u02af\u1d00-\u1dbf\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\uab30-\uab6f]")
_ARABIC_FORMS = str.maketrans({"ة": "ه", "ى": "ي", "ی": "ي", "ک": "ك"})
# Marks that people leave out when they type. Those of other scripts (Indic vowels, kana voicing) are letters.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
    "\u0670\u06d6-\u06dc\u06df-\u06e4\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)

Words = tuple[str, ...]


def words_of(text: str) -> Words:
    """`text` as the words that are compared, at most WORDS_MAX: no case, accents, width or punctuation."""
    return tuple(fold(word) for word in _split(text))


def keys_of(username: str, name: str) -> tuple[str, ...]:
    """Every key that a person is found by, without repetition, at most KEYS_MAX.

    In: the username and the display name as they are shown. Out: the strings that the module's docstring
    describes, each at most KEY_MAX + 1 characters. Any text is accepted.
    """
    split = _split(name)
    forms = _forms(split)
    keys = [*_username_keys(username, forms)]
    keys += ["b" + " ".join(form) for form in forms]
    keys += ["c" + " ".join(order) for form in forms for order in _orders(form)]
    if not name.isascii():
        keys += _script_keys(split, forms)
    whole = (key if len(key) <= KEY_MAX else key[: KEY_MAX + 1].rstrip() for key in keys)
    return tuple(dict.fromkeys(whole))[:KEYS_MAX]


def vocabulary_of(name: str) -> frozenset[str]:
    """The words of a name that typing mistakes are found among: in Latin letters, two or more of them."""
    return frozenset(
        word
        for form in _forms(_split(name))
        for word in form
        if len(word) > 1 and word.isascii() and word.isalpha()
    )


def tokens_of(username: str, name: str) -> frozenset[str]:
    """Every single word of a person, in every way of writing it."""
    split = _split(name)
    tokens = {word for form in _forms(split) for word in form}
    tokens.update(word[n:] for word in split if _HAS_HAN(word) for n in range(len(word)))
    parts = _split(username)
    return frozenset(tokens.union(map(fold, parts), ["".join(map(fold, parts))]))


def may_have(username: str, name: str, words: Words) -> bool:
    """Whether each of `words` may begin a token of a person: no is certain, at a tenth of what tokens_of costs."""
    text = f"{name} {username}"
    if text.isascii():
        letters = text.encode().translate(_ASCII_LETTERS, _ASCII_SIGNS).decode()
    elif all(map(str.isascii, words)):
        letters = unicodedata.normalize("NFC", text).translate(_sounds())
        if not letters.isascii():
            return True
    else:
        letters = _plain("".join(_WORDS.findall(_lower(text))))
    # What isn't written in Latin letters has tokens that are.
    latin = letters.isascii()
    return all(word in letters or (word.isascii() and not latin) for word in words)


def fold(word: str) -> str:
    """One lower-case word without its accents, and with plain letters for what Latin scripts add to them."""
    return word[:WORD_MAX] if word.isascii() else _plain(word)[:WORD_MAX]


def romanised(text: str) -> tuple[Words, ...]:
    """The ways to write `text` in Latin letters, best first; empty if it's in Latin letters already."""
    split = _split(text)
    if all(fold(word).isascii() for word in split):
        return ()
    return tuple(form for form in _forms(split) if all(word.isascii() for word in form))


def is_han(word: str) -> bool:
    return _HAS_HAN(word) is not None


def consonants(word: str) -> str:
    """What an unvowelled script would write of a romanised word: mohammed → mhmd."""
    bare = ""
    for n, letter in enumerate(word):
        if letter not in "aeiou" and not (n and letter in "wy") and not bare.endswith(letter):
            bare += letter
    return bare or word[:1]


def _split(text: str) -> list[str]:
    """Words in lower case, still with the accents that their sound may depend on."""
    if text.isascii():
        return _ASCII_WORDS.findall(text.lower().replace("'", "").replace("`", ""))[:WORDS_MAX]
    return [word for word in _WORDS.findall(_lower(text)) if fold(word)][:WORDS_MAX]


def _lower(text: str) -> str:
    # Apostrophes before, as NFKC makes a space of some, and after, as it makes others of a letter's part.
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).translate(_APOSTROPHES).casefold()
    # Again, because folding case can undo it.
    return unicodedata.normalize("NFC", text)


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))
    return _LATIN.sub(lambda found: _in_ascii(found[0]), plain).translate(_ARABIC_FORMS)


def _in_ascii(text: str) -> str:
    """Plain letters and digits for those of any script; none for what is only a sign there, as glottal stops are."""
    return "".join(_ASCII_WORDS.findall(anyascii(text).lower()))


@cache
def _sounds() -> dict[int, str]:
    """Characters that are written one way only in Latin letters, whatever stands beside them: those letters."""
    ranges = (0, 0x250), (0x400, 0x460), (0x1E00, 0x1F00), (0x2000, 0x2070)
    found = {}
    for character in (chr(n) for begin, end in ranges for n in range(begin, end)):
        words = _split(character)
        letters = "".join(map(fold, words))
        found[ord(character)] = letters if letters.isascii() else "".join(map(_romanise, words))
    return found


def _forms(split: list[str]) -> tuple[Words, ...]:
    return _cached_forms(tuple(split))


@lru_cache(maxsize=4096)
def _cached_forms(split: Words) -> tuple[Words, ...]:
    """The ways to write a name: as it is, then romanised."""
    if not split:
        return ()
    native = tuple(fold(word) for word in split)
    forms = {native: None}
    if not all(word.isascii() for word in native):
        for form in _romanised_forms(split):
            forms.setdefault(form)
    return tuple(forms)[:FORMS_MAX]


def _romanised_forms(split: Words) -> Iterator[Words]:
    han = [word for word in split if _HAS_HAN(word)]
    japanese = any(_HAS_KANA(word) for word in split)
    if han:
        form = _japanese(split)
        if form:
            yield form
    if han and japanese:
        return
    choices: list[tuple[Words, ...]] = []
    for n, word in enumerate(split):
        if _HAS_HAN(word):
            choices.append(_mandarin(word, whole=len(han) == 1, first=n == 0))
        elif n == 0 and _HANGUL(word):
            choices.append(_korean(word, whole=len(split) == 1))
        else:
            found = () if word.isascii() else readings("arabic", fold(word))
            choices.append(tuple((reading,) for reading in found or (_romanise(word),)))
    for chosen in product(*choices):
        form = tuple(word[:WORD_MAX] for words in chosen for word in words if word)
        if form:
            yield form[:WORDS_MAX]


def _mandarin(word: str, *, whole: bool, first: bool) -> tuple[Words, ...]:
    """Pinyin without tones: surname and given name for a whole name, one word for a part of one."""
    if not whole:
        return tuple((reading,) for reading in (_surname(word) if first else _given(word)))
    length = 2 if is_compound_surname(word[:2]) and len(word) > 2 else 1
    if len(word) <= length:
        return tuple((reading,) for reading in _surname(word))
    if len(word) > 6:
        return ((_romanise(word),),)
    pairs = product(_surname(word[:length]), _given(word[length:]))
    # The usual given name with each surname, then the other way round; not every combination.
    return tuple(sorted(pairs, key=lambda pair: pair[1] != _given(word[length:])[0]))[:3]


def _surname(word: str) -> tuple[str, ...]:
    return readings("surnames", word) or (_romanise(word),)


def _given(word: str) -> tuple[str, ...]:
    options = [readings("given", character) or (_romanise(character),) for character in word]
    # The first three and no more: of a long row of such characters there are 2 to the power of its length.
    return tuple("".join(option) for option in islice(product(*options), 3))


def _korean(word: str, *, whole: bool) -> tuple[Words, ...]:
    length = _korean_surname(word)
    if not whole:
        return tuple((reading,) for reading in readings("korean", word) or (_romanise(word),))
    if len(word) == length or len(word) > 5:
        return ((_romanise(word),),)
    surnames = readings("korean", word[:length]) or (_romanise(word[:length]),)
    return tuple((surname, _romanise(word[length:])) for surname in surnames)


def _korean_surname(word: str) -> int:
    return 2 if len(word) > 2 and readings("korean", word[:2]) else 1


def _japanese(split: Words) -> Words | None:
    """The reading of a name whose surname is a common Japanese one; None if it isn't."""
    first, *rest = split
    if not rest:
        length = next((n for n in (3, 2) if len(first) >= n and _japanese_surname(first[:n])), 0)
        first, rest = first[:length], [first[length:]]
    given = [word for word in map(_japanese_given, rest) if word]
    return (_japanese_surname(first), *given) if _japanese_surname(first) else None


def _japanese_surname(word: str) -> str:
    return next(iter(readings("japanese-surnames", word)), "")


def _japanese_given(word: str) -> str:
    return next(iter(readings("japanese-given", word)), "" if _HAS_HAN(word) else _romanise(word))


@lru_cache(maxsize=4096)
def _romanise(word: str) -> str:
    if _HAS_KANA(word) and not _HAS_HAN(word):
        return _romaji(word)
    if _HAS_GREEK(word):
        word = _greek(fold(word))
    return _in_ascii(word)


def _greek(word: str) -> str:
    """The pairs of letters that have a sound of their own (ELOT 743)."""
    word = word.replace("ου", "ou").replace("γγ", "ng").replace("γξ", "nx").replace("γχ", "nch")
    word = re.sub("(?<=[αεη])υ(?=[αεηιουωβγδζλμνρ])", "v", word)
    return re.sub("(?<=[αεη])υ", "f", word)


def _romaji(word: str) -> str:
    """Hepburn without long vowels, as in passports: さとう and サトウ are sato, しょうこ is shoko."""
    text = ""
    doubled = False
    for c in word:
        small = c in "ゃゅょャュョァィゥェォぁぃぅぇぉ"
        sound = anyascii(c).lower()
        if c in "っッ":
            doubled = True
        elif c == "ー":
            continue
        elif small and text.endswith("i"):
            text = text[:-1] + (
                sound[1:] if text.endswith(("shi", "chi", "ji")) and sound[0] == "y" else sound
            )
        elif small and len(sound) == 1 and text:
            text = text[:-1] + sound
        else:
            text += (sound[:1] if doubled else "") + sound
            doubled = False
    return shorten(text)


def shorten(word: str) -> str:
    """Without the marks of long vowels in romanised Japanese: satou, satoo → sato."""
    return word.replace("ou", "o").replace("oo", "o").replace("uu", "u")


def _script_keys(split: list[str], forms: tuple[Words, ...]) -> Iterator[str]:
    """What only some scripts have: names without spaces, initials of characters, words without vowels."""
    for word in split:
        if _HAS_HAN(word):
            yield from ("c" + word[n:] for n in range(1, min(len(word), 6)))
    if len(split) == 1 and _HANGUL(split[0]) and len(split[0]) > 1:
        yield "c" + split[0][_korean_surname(split[0]) :]
    yield from ("d" + initials for initials in _initials(split, forms))
    if any(_UNVOWELLED(word) for word in split):
        bare = tuple(consonants(_romanise(word)) for word in split)
        yield from ("e" + " ".join(order) for order in (bare, *_orders(bare)) if any(order))


def _initials(split: list[str], forms: tuple[Words, ...]) -> Iterator[str]:
    characters = "".join(word for word in split if _HAS_HAN(word))
    if not 2 <= len(characters) <= 4 or _HAS_KANA(characters) or _japanese(tuple(split)):
        return
    given = "".join(_romanise(c)[:1] for c in characters[1:])
    yield from (form[0][:1] + given for form in forms if form[0].isascii())


def _orders(words: Words) -> Iterator[Words]:
    """The words in other orders, so that every ordered pair of them begins one."""
    count = len(words)
    if count < 2:
        return
    if count == 2:
        yield words[1], words[0]
        return
    if count <= 4:
        pairs = [(i, j) for i in range(count) for j in range(count) if i != j]
    else:
        # Every ordered pair of five is twenty keys; neighbours both ways, and first and last, are enough.
        pairs = [(i, (i + 1) % count) for i in range(count)] + [((i + 1) % count, i) for i in range(count)]
    for i, j in pairs:
        if (i, j) != (0, 1):
            rest = [n % count for n in range(j + 1, j + count) if n % count not in (i, j)]
            yield (words[i], words[j], *(words[n] for n in rest))


def _username_keys(username: str, forms: tuple[Words, ...]) -> Iterator[str]:
    parts = [fold(part) for part in _split(username)]
    if not parts:
        return
    joined = "".join(parts)
    literal = literal_of(username)
    yield "a" + (joined if joined == literal else f"{joined} {literal}")
    if not joined.isascii():
        yield from ("a" + "".join(form) for form in romanised(username)[:1])
    for n in range(1, len(parts)):
        if not any(word.startswith(parts[n]) for form in forms for word in form):
            yield "c" + " ".join(parts[n:])


def literal_of(text: str) -> str:
    """A username as it's typed, but for case and width."""
    text = text.strip()
    if text.isascii() and text.isprintable():
        return text.lower()[: KEY_MAX // 2]
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isprintable())[: KEY_MAX // 2]
