"""The people of the measurements."""

from collections import Counter
from itertools import islice

from bench.people import people
from frontdesk.accounts.identity import clean_name, clean_username


def test_the_same_seed_makes_the_same_people() -> None:
    assert list(people(500, seed=3)) == list(islice(people(10_000, seed=3), 500))
    assert list(people(500, seed=3)) != list(people(500, seed=4))


def test_a_fifth_is_chinese_and_no_two_have_the_same_username() -> None:
    made = list(people(5000))
    locales = Counter(person.locale for person in made)
    assert locales["zh_CN"] > 1000
    assert len(locales) >= 5
    assert len({person.username for person in made}) == len({person.email for person in made}) == 5000


def test_names_are_spread_as_names_are() -> None:
    given = Counter(person.name.split()[0] for person in people(20_000) if person.locale == "en_US")
    (_, first), *_, (_, last) = given.most_common()
    assert first > 50 * last
    assert len(given) > 400


def test_everybody_could_register() -> None:
    for person in people(500):
        assert clean_name(person.name) == person.name
        assert clean_username(person.username) == person.username
