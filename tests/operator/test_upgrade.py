"""The steps of an upgrade, without a cluster: what is decided from what is seen, and from nothing else."""

from typing import Any

import pytest

from frontdesk_operator import upgrade
from frontdesk_operator.render import Images
from frontdesk_operator.upgrade import STEPS, Progress, Seen, State

NOW = "2026-01-02T03:04:05Z"
OLD, NEW, OTHER = "frontdesk:1", "frontdesk:2", "frontdesk:3"
WAITING, DONE = Progress(State.WAITING), Progress(State.DONE)


def spec(version: str) -> dict[str, Any]:
    return {"repository": "frontdesk", "version": version}


def failed(words: str) -> Progress:
    return Progress(State.FAILED, words)


def seen(step: str = "", progress: Progress = WAITING) -> Seen:
    """Everything waits, but what this step waits for."""
    rollouts = {role: progress if step == role else WAITING for role in upgrade.ROLES}
    return Seen(
        progress if step == "migrate" else WAITING, progress if step == "verify" else WAITING, rollouts
    )


ALL_DONE = Seen(DONE, DONE, dict.fromkeys(upgrade.ROLES, DONE))


def begun(serves: str | None = OLD, version: str = "2", generation: int = 7) -> dict[str, Any]:
    """The status right after an upgrade has begun."""
    decided = upgrade.begin(spec(version), generation, {"image": serves} if serves else {}, NOW)
    assert decided.upgrade is not None
    status: dict[str, Any] = {"upgrade": dict(decided.upgrade)}
    return {**status, "image": serves} if serves else status


def test_first_installation_goes_through_every_step_and_then_serves() -> None:
    status = begun(serves=None)
    steps = []
    while status.get("upgrade"):
        steps.append(status["upgrade"]["step"])
        assert upgrade.images(status.get("image"), status["upgrade"]) == Images.all(NEW)
        after = upgrade.advance(status["upgrade"], status.get("image"), seen(steps[-1], DONE), NOW)
        status = {"upgrade": after.upgrade, "image": after.image}
    assert tuple(steps) == STEPS
    assert status["image"] == NEW


def test_parts_take_the_new_image_one_after_the_other() -> None:
    status = begun()
    found = []
    while status.get("upgrade"):
        images = upgrade.images(OLD, status["upgrade"])
        found.append((status["upgrade"]["step"], images.api, images.web, images.edge))
        after = upgrade.advance(status["upgrade"], OLD, seen(status["upgrade"]["step"], DONE), NOW)
        status = {"upgrade": after.upgrade, "image": after.image}
    assert found == [
        ("migrate", OLD, OLD, OLD),
        ("api", NEW, OLD, OLD),
        ("web", NEW, NEW, OLD),
        ("edge", NEW, NEW, NEW),
        ("verify", NEW, NEW, NEW),
    ]


@pytest.mark.parametrize("step", STEPS)
def test_step_isn_t_left_before_it_is_done(step: str) -> None:
    under_way = {**begun()["upgrade"], "step": step}
    after = upgrade.advance(under_way, OLD, seen(step, WAITING), NOW)
    assert (after.upgrade, after.image, after.event) == (under_way, OLD, None)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("migrate", "MigrationFailed"),
        ("api", "RolloutFailed"),
        ("web", "RolloutFailed"),
        ("edge", "RolloutFailed"),
        ("verify", "VerificationFailed"),
    ],
)
def test_failure_goes_back_to_what_served_and_says_why(step: str, reason: str) -> None:
    under_way = {**begun()["upgrade"], "step": step}
    after = upgrade.advance(under_way, OLD, seen(step, failed("it broke")), NOW)
    assert after.upgrade is not None
    assert after.upgrade["step"] == "rollback"
    assert after.event == ("Warning", reason, f"{NEW}, step {step}: it broke")
    assert upgrade.images(OLD, after.upgrade) == Images.all(OLD)

    still = upgrade.advance(after.upgrade, OLD, seen("api", DONE), NOW)
    assert still.upgrade == after.upgrade, "two parts are still being rolled back"
    back = upgrade.advance(after.upgrade, OLD, ALL_DONE, NOW)
    assert (back.upgrade, back.image) == (None, OLD)
    assert back.refused == {"image": NEW, "reason": reason, "message": "it broke", "time": NOW}
    assert back.event is not None
    assert back.event[:2] == ("Warning", "RolledBack")


def test_what_was_refused_is_not_tried_again_until_something_else_was_asked_for() -> None:
    refused = {"image": OLD, "refused": {"image": NEW, "reason": "RolloutFailed", "message": "", "time": NOW}}
    assert upgrade.begin(spec("2"), 8, refused, NOW).upgrade is None
    asked_back = upgrade.begin(spec("1"), 9, refused, NOW)
    assert (asked_back.upgrade, asked_back.refused) == (None, None)
    again = upgrade.begin(spec("2"), 10, {"image": OLD}, NOW)
    assert again.upgrade is not None
    assert again.upgrade["to"] == NEW


def test_asked_for_the_version_before_in_the_middle_it_goes_back() -> None:
    status = begun()
    status["upgrade"]["step"] = "web"
    called_off = upgrade.begin(spec("1"), 8, status, NOW)
    assert called_off.upgrade is not None
    assert (called_off.upgrade["step"], called_off.upgrade["reason"]) == ("rollback", "CalledOff")
    after = upgrade.advance(called_off.upgrade, OLD, ALL_DONE, NOW)
    assert (after.upgrade, after.image, after.refused) == (None, OLD, None)


def test_asked_for_a_third_version_in_the_middle_it_goes_there_from_what_served() -> None:
    status = begun()
    status["upgrade"]["step"] = "web"
    other = upgrade.begin(spec("3"), 8, status, NOW)
    assert other.upgrade is not None
    assert (other.upgrade["from"], other.upgrade["to"], other.upgrade["step"]) == (OLD, OTHER, "migrate")
    assert other.upgrade["id"] != status["upgrade"]["id"]


def test_rollback_is_brought_to_its_end_whatever_is_asked_for() -> None:
    status = begun()
    status["upgrade"] |= {"step": "rollback", "reason": "RolloutFailed", "message": ""}
    assert upgrade.begin(spec("3"), 8, status, NOW).upgrade == status["upgrade"]


def test_change_of_the_spec_that_is_no_other_version_lets_an_upgrade_go_on() -> None:
    status = begun(generation=7)
    assert upgrade.begin(spec("2"), 8, status, NOW).upgrade == status["upgrade"]


def test_first_installation_that_failed_is_told_once_and_tried_again_when_the_spec_changes() -> None:
    status = begun(serves=None, generation=1)
    first = upgrade.advance(status["upgrade"], None, seen("migrate", failed("no database")), NOW)
    assert first.upgrade is not None
    assert (first.upgrade["step"], first.upgrade["reason"]) == ("migrate", "MigrationFailed")
    assert first.event is not None
    second = upgrade.advance(first.upgrade, None, seen("migrate", failed("no database")), NOW)
    assert second.event is None
    assert upgrade.begin(spec("2"), 1, {"upgrade": first.upgrade}, NOW).upgrade == first.upgrade
    again = upgrade.begin(spec("2"), 2, {"upgrade": first.upgrade}, NOW)
    assert again.upgrade is not None
    assert "reason" not in again.upgrade
    assert again.upgrade["id"] != first.upgrade["id"]


def test_nothing_is_begun_where_what_is_asked_for_serves() -> None:
    decided = upgrade.begin(spec("1"), 9, {"image": OLD}, NOW)
    assert (decided.upgrade, decided.image, decided.event) == (None, OLD, None)


@pytest.mark.parametrize("serves", [None, OLD])
@pytest.mark.parametrize("step", STEPS)
def test_controller_that_is_killed_between_deciding_and_writing_decides_the_same_again(
    step: str, serves: str | None
) -> None:
    under_way = {**begun(serves)["upgrade"], "step": step}
    for progress in (WAITING, DONE, failed("x")):
        first = upgrade.advance(under_way, serves, seen(step, progress), NOW)
        assert first == upgrade.advance(dict(under_way), serves, seen(step, progress), NOW)
