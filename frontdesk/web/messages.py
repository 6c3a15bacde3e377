"""What a person reads for each code: about one field, and about a whole request."""

from frontdesk.web.catalogues import mark

# Codes of FieldError. `%(limit)s` is the number that goes with it.
FIELDS = {
    "missing": mark("Fill this in."),
    "too_long": mark("This is too long."),
    "email_invalid": mark("Enter an e-mail address like name@example.com."),
    "email_too_long": mark("An e-mail address has %(limit)s characters at most."),
    "email_taken": mark(
        "There is already an account with this e-mail address. Log in instead, or use another one."
    ),
    "username_invalid": mark(
        "Use letters, digits, dots, hyphens and underscores; don't begin with a dot or a hyphen."
    ),
    "username_too_short": mark("A username has at least %(limit)s characters."),
    "username_too_long": mark("A username has %(limit)s characters at most."),
    "username_reserved": mark("This name is kept for the service itself. Choose another one."),
    "username_taken": mark(
        "Somebody has this username already, or one that looks the same. Choose another one."
    ),
    "name_missing": mark("Enter your name as others should read it."),
    "name_invalid": mark("This name has characters that can't be shown. Leave them out."),
    "name_too_long": mark("A name has %(limit)s characters at most."),
    "password_too_short": mark("Use at least %(limit)s characters. Four or five words make a good password."),
    "password_too_long": mark("A password has %(limit)s characters at most."),
    "password_common": mark("This is one of the first passwords that anyone would try. Choose another one."),
    "password_personal": mark("Leave your name, username and e-mail address out of your password."),
    "password_invalid": mark("This password has characters that no keyboard types. Leave them out."),
    "current_password_wrong": mark("This isn't your current password."),
    "language_unknown": mark("Choose one of the languages in the list."),
}

# Codes of everything else: a heading, and what to do.
PROBLEMS = {
    "malformed_body": (
        mark("We couldn't read that"),
        mark("What your browser sent isn't complete. Go back, reload the page and try again."),
    ),
    "body_too_large": (mark("That is too much"), mark("Go back and send less text.")),
    "body_too_slow": (
        mark("That took too long"),
        mark("Your connection stopped in the middle. Go back and try again."),
    ),
    "unsupported_media_type": (
        mark("We couldn't read that"),
        mark("This address takes forms only. For programs, there is an API."),
    ),
    "invalid_cursor": (
        mark("This list has no such page"),
        mark("Start the search again from its first page."),
    ),
    "bad_request": (mark("We couldn't read that"), mark("Go back and try again.")),
    "invalid_fields": (mark("There is a problem"), mark("Some of what you entered can't be accepted.")),
    "email_taken": (
        mark("There is a problem"),
        mark("There is already an account with this e-mail address."),
    ),
    "username_taken": (mark("There is a problem"), mark("Somebody has this username already.")),
    "unauthenticated": (mark("Log in first"), mark("This page is for people who are logged in.")),
    "wrong_credentials": (
        mark("That didn't match"),
        mark("Username or e-mail address and password don't belong together. Check both and try again."),
    ),
    "recent_login_required": (
        mark("Log in again first"),
        mark("You logged in a while ago. To delete an account or change its username, log in again first."),
    ),
    "email_unverified": (
        mark("Confirm your e-mail address first"),
        mark("Your e-mail address isn't confirmed yet. Open the link in the mail that we sent to it."),
    ),
    "link_expired": (
        mark("This link doesn't work any more"),
        mark("It was used already, is too old, or isn't complete. Ask for a new one."),
    ),
    "cross_origin": (
        mark("This came from another site"),
        mark("For your safety, it wasn't done. Open the page here and try again."),
    ),
    "not_found": (
        mark("There is nothing here"),
        mark("The address may be mistyped, or what was here is gone or not for you to see."),
    ),
    "throttled": (
        mark("Too many attempts"),
        mark("There were too many attempts. Wait a little, then try again."),
    ),
    "busy": (mark("Very busy right now"), mark("Many people are logging in at once. Try again in a moment.")),
    "unavailable": (
        mark("Not available right now"),
        mark("We're having a short interruption. Nothing is lost; try again in a moment."),
    ),
    "method_not_allowed": (mark("This doesn't work here"), mark("Go back and use the page's own buttons.")),
    "internal_error": (
        mark("Something went wrong on our side"),
        mark("It isn't your fault. Try again; if it stays, tell whoever runs this service."),
    ),
}

# Of a profile whose owner had to log in again.
NOT_SAVED = mark("This isn't saved yet. Look it over, then save your profile.")

# Of "throttled", where it takes more than a minute.
THROTTLED = mark("There were too many attempts. Try again in %(minutes)s minutes.")

# Kinds of events.
EVENTS = {
    "registered": mark("Account created"),
    "logged_in": mark("New login"),
    "login_failed": mark("Somebody tried to log in with a wrong password"),
    "username_changed": mark("Username changed"),
    "password_changed": mark("Password changed"),
    "password_reset": mark("New password set by a link in a mail"),
    "email_confirmed": mark("E-mail address confirmed"),
    "email_change_asked": mark("Another e-mail address asked for"),
    "email_changed": mark("E-mail address changed"),
    "email_change_undone": mark("Change of the e-mail address undone"),
    "session_ended": mark("Logged out on one device"),
    "sessions_ended": mark("Logged out everywhere else"),
    "exported": mark("Data downloaded"),
    "disabled": mark("Account disabled by an administrator"),
    "enabled": mark("Account enabled by an administrator"),
    "erased": mark("Account deleted"),
}
