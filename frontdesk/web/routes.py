"""The whole site on one screen. All of it works without JavaScript: links, forms, answers that redirect."""

from starlette.routing import BaseRoute

from frontdesk.routing import resource
from frontdesk.web import (
    account,
    address,
    events,
    home,
    kept_mails,
    language,
    login,
    people,
    register,
    reset,
    sessions,
    static,
)


def routes(*, keeps_mails: bool = False) -> list[BaseRoute]:
    """Every page, every form, and the files that they need; with the page of kept mails in `frontdesk up`."""
    kept: list[BaseRoute] = [resource("/mails", GET=kept_mails.show)] if keeps_mails else []
    return [
        *kept,
        resource("/", GET=home.welcome),
        resource("/register", GET=register.show_form, POST=register.register),
        resource("/login", GET=login.show_form, POST=login.log_in),
        resource("/logout", POST=login.log_out),
        resource("/forgot", GET=reset.show_request_form, POST=reset.ask),
        resource("/reset/{token}", GET=reset.show_form, POST=reset.set_password),
        resource("/confirm/{token}", GET=address.show_link, POST=address.confirm),
        resource("/people", GET=people.search),
        resource("/people/{username}", GET=people.show),
        resource("/account", GET=account.show, POST=account.save_profile),
        resource("/account/password", GET=account.find_password_form, POST=account.change_password),
        resource("/account/email", GET=address.find_form, POST=address.change),
        resource("/account/events", GET=events.list_mine),
        resource("/account/export", GET=events.find_export, POST=events.export),
        resource("/account/delete", GET=account.confirm_deletion, POST=account.delete),
        resource("/account/sessions", GET=sessions.list_mine),
        resource("/account/sessions/end", GET=sessions.find_list, POST=sessions.end),
        resource("/account/sessions/end-others", GET=sessions.find_list, POST=sessions.end_others),
        resource("/language", POST=language.choose),
        # Where password managers send people (W3C, A Well-Known URL for Changing Passwords).
        resource("/.well-known/change-password", GET=account.find_password_form),
        resource("/static/{digest}/{name}", GET=static.serve),
    ]
