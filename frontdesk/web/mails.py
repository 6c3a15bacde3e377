"""What mails say, in the language of whom they go to.

Nothing in them comes from a stranger, neither a name nor an address: a mail from us must not be a way to send one's own
words to others.
"""

from typing import NamedTuple

from frontdesk.model import Letter
from frontdesk.web.catalogues import mark
from frontdesk.web.pages import environment, translate


class Text(NamedTuple):
    """A kind of mail. `path`: where its button leads to, followed by the token if the letter has one."""

    subject: str
    before: tuple[str, ...]
    button: str
    path: str
    after: tuple[str, ...]


class Rendered(NamedTuple):
    """A mail in words: as plain text, and as HTML."""

    subject: str
    text: str
    html: str


_NOT_YOU = mark("If this wasn't you, you needn't do anything.")

LETTERS = {
    "confirm": Text(
        mark("Confirm your e-mail address"),
        (mark("Somebody, probably you, created an account with this e-mail address."),),
        mark("Confirm address"),
        "/confirm/",
        (mark("The link is good for 24 hours, once."), _NOT_YOU),
    ),
    "taken": Text(
        mark("You have an account already"),
        (
            mark(
                "Somebody, probably you, wanted to use this e-mail address for an account. It has one already."
            ),
            mark("If you forgot your password, you can choose a new one."),
        ),
        mark("Choose a new password"),
        "/forgot",
        (_NOT_YOU,),
    ),
    "change": Text(
        mark("Confirm your new e-mail address"),
        (mark("Somebody, probably you, wants to use this e-mail address for their account."),),
        mark("Confirm address"),
        "/confirm/",
        (mark("The link is good for 24 hours, once. Until then, nothing changes."), _NOT_YOU),
    ),
    "undo": Text(
        mark("Your e-mail address is about to change"),
        (
            mark(
                "Somebody who knows your password, probably you, asked for another e-mail address for your account. "
                "If it was you, you needn't do anything."
            ),
            mark(
                "If it wasn't you, keep this address: this also logs you out everywhere and ends your password, and we "
                "send you a link for a new one."
            ),
        ),
        mark("Keep this address"),
        "/confirm/",
        (mark("The link is good for 7 days, also after the change."),),
    ),
    "reset": Text(
        mark("Choose a new password"),
        (mark("Somebody, probably you, asked for a new password for your account."),),
        mark("Choose a new password"),
        "/reset/",
        (
            mark("The link is good for 30 minutes, once."),
            mark("If this wasn't you, you needn't do anything: your password stays as it is."),
        ),
    ),
    "password_changed": Text(
        mark("Your password was changed"),
        (
            mark("The password of your account was changed."),
            mark("If this wasn't you, choose a new one now: it ends what others have begun."),
        ),
        mark("Choose a new password"),
        "/forgot",
        (),
    ),
}

_SENT_BY = mark("This mail was sent by %(host)s. Nobody reads answers to it.")


def render(letter: Letter, base: str) -> Rendered:
    """The words of a letter. `base`: the address of this service, without a slash at its end."""
    found = LETTERS[letter.kind]
    language = letter.language
    subject = translate(language, found.subject)
    before = [translate(language, text) for text in found.before]
    button = translate(language, found.button)
    url = base + found.path + (letter.token or "")
    after = [translate(language, text) for text in found.after]
    sent_by = translate(language, _SENT_BY, host=base.partition("://")[2])
    # "-- " on a line of its own begins what mail programs show as a signature (RFC 3676, section 4.3).
    text = "\n\n".join([*before, f"{button}:\n{url}", *after, f"-- \n{sent_by}"]) + "\n"
    template = environment(language).get_template("mails/mail.html")
    html = template.render(
        language=language,
        subject=subject,
        before=before,
        button=button,
        url=url,
        after=after,
        sent_by=sent_by,
    )
    return Rendered(subject, text, html)
