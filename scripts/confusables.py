"""Write frontdesk/accounts/confusables.txt: what looks alike (Unicode UTS #39, section 4, skeletons).

    apt-get install python3-icu && /usr/bin/python3 scripts/confusables.py

ICU carries the Unicode Consortium's confusables (Unicode-3.0 licence). Frontdesk needs no ICU to run, so
its answers are kept as lines `character TAB what it is folded to`, and only for characters that NFKC and
case folding leave as they are: the others never reach the skeleton.
"""

import sys
import unicodedata
from pathlib import Path

import icu

TARGET = Path(__file__).parent.parent / "frontdesk" / "accounts" / "confusables.txt"


def fold(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", text).casefold())


def main() -> None:
    checker = icu.SpoofChecker()
    lines = []
    for codepoint in range(0x21, sys.maxunicode + 1):
        character = chr(codepoint)
        if unicodedata.category(character) in ("Cs", "Cn", "Co", "Cc") or fold(character) != character:
            continue
        if unicodedata.name(character, "").startswith("HANGUL SYLLABLE"):
            continue  # ICU takes all 11,172 apart into letters that then look like nothing else
        # Folding can bring back what has a skeleton of its own (0 looks like O, which folds to o).
        skeleton, previous = fold(checker.getSkeleton(0, character)), character
        while skeleton != previous:
            skeleton, previous = fold(checker.getSkeleton(0, skeleton)), skeleton
        if skeleton != character and skeleton and not any(c in "\t\n" for c in skeleton):
            lines.append(f"{character}\t{skeleton}")
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} characters, Unicode {icu.UNICODE_VERSION}")


if __name__ == "__main__":
    main()
