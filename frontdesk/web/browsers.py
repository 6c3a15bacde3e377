"""Which browser and system a User-Agent speaks of, as far as it helps a person recognise a device.

It is the browser's own word, so nothing is decided by it.
"""

import re

# The first that fits. Browsers name their ancestors too: Edge comes before Chrome, and Chrome before Safari.
_BROWSERS = (
    ("Edge", r"\bEdgA?/|\bEdgiOS/|\bEdg/"),
    ("Opera", r"\bOPR/|\bOPT/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("WeChat", r"\bMicroMessenger/"),
    ("Firefox", r"\bFirefox/|\bFxiOS/"),
    ("Chrome", r"\b(?:Headless)?Chrome/|\bCriOS/"),
    ("Safari", r"\bVersion/[\d.]+ .*Safari/"),
    ("curl", r"^curl/"),
    ("Python", r"^python-|^Python/"),
)
_SYSTEMS = (
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("HarmonyOS", r"\bHarmonyOS\b|\bOpenHarmony\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Windows", r"\bWindows\b"),
    ("macOS", r"\bMac OS X\b|\bMacintosh\b"),
    ("Linux", r"\bLinux\b|\bX11\b"),
)


def browser_of(user_agent: str) -> str | None:
    """The name of the browser or program, None if it's none that many people use."""
    return _first(_BROWSERS, user_agent)


def system_of(user_agent: str) -> str | None:
    """The name of the device or its system, None if it isn't told."""
    return _first(_SYSTEMS, user_agent)


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str | None:
    return next((name for name, pattern in names if re.search(pattern, user_agent)), None)
