"""How an output of a second run differs from the accepted one, beyond what another processor explains.

| kind | to be the same | allowed |
| --- | --- | --- |
| text, HTML, Markdown, CSV | lines, words, whole numbers | other numbers: 2 %, or 1.5 of their last decimal |
| JSON | structure, words, whole numbers | other numbers: 2 % of the largest in their list |
| PNG | size | in each square of 16 pixels: 5 % of the range from paper to ink, on average |
| SVG | size, words, shapes, the number of their points | places: 5 % of the chart's smaller side |
| anything else | the number of bytes | |

The ticks of a chart may come and go at the ends of an axis, which is fitted to
what it shows. A number that the front matter declares as a value may move as far as is declared there, a
whole number too, where it is printed as the prose quotes it: `{is: 50000, within: 2000}` lets "50,000" become
"50,900".

A comparison gives what is wrong, in four lines at most, and what to report where nothing is.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

PADDED = re.compile(r"(?<=\[)\s+|\s+(?=\])")
NUMBER = re.compile(r"[-+−]?\d[\d,]*(?:\.\d*)?(?:[eE][-+]?\d+)?")
WHOLE = re.compile(r"[-+−]?[\d,]+\.?")  # with a point that may end a sentence, or a float that NumPy prints
RELATIVE = 0.02  # numbers may differ by this much from processor to processor

Moved = frozenset[tuple[float, float]]  # what the two runs print of each value that is as declared
Verdict = tuple[list[str], str]
NOTHING: Moved = frozenset()


def compare_text(old: bytes, new: bytes, moved: Moved = NOTHING) -> Verdict:
    """Lines whose words differ, or whose numbers differ by more than processors explain."""
    before, after = (content.decode("utf-8", "replace").split("\n") for content in (old, new))
    wrong = []
    if len(before) != len(after):
        wrong.append(f"{len(before) - 1:,} lines accepted, {len(after) - 1:,} now")
    apart = [strain(a, b, moved) for a, b in zip(before, after, strict=False)]
    if many := sum(share > 1 for share in apart):
        line = apart.index(max(apart))
        allowed = "words and whole numbers are to be the same, other numbers within 2 % or their last decimal"
        wrong.append(f"{many:,} of {len(apart):,} lines differ, the worst is line {line + 1:,}; {allowed}")
        start = next(
            (i for i, (a, b) in enumerate(zip(before[line], after[line], strict=False)) if a != b), 0
        )
        wrong += [f"  {sign} {_cut(text[line], start)}" for sign, text in (("-", before), ("+", after))]
    return wrong, "" if wrong else "numbers differ a little, as between processors"


def _cut(text: str, start: int) -> str:
    """What a person can read of a long line: a hundred signs about the first that differs."""
    left = max(0, start - 50) if len(text) > 100 else 0
    return "…" * (left > 0) + text[left : left + 100] + "…" * (len(text) > left + 100)


def near(before: str, after: str, moved: Moved = NOTHING) -> bool:
    """True where two lines differ by no more than another processor explains."""
    return strain(before, after, moved) <= 1


def strain(before: str, after: str, moved: Moved = NOTHING) -> float:
    """How far two lines are apart, as a multiple of what is allowed; infinite for other words."""
    if before == after:
        return 0.0
    if _words(before) != _words(after):
        return math.inf
    pairs = zip(NUMBER.findall(before), NUMBER.findall(after), strict=True)
    return max((_strain(a, b) for a, b in pairs if (number(a), number(b)) not in moved), default=0.0)


def _words(line: str) -> list[str]:
    """Return a line's words with all numbers alike, without the blanks that NumPy pads an array with."""
    return PADDED.sub("", NUMBER.sub("0", line)).split()


def _strain(a: str, b: str) -> float:
    apart = abs(number(a) - number(b))
    if not apart:
        return 0.0
    if WHOLE.fullmatch(a) and WHOLE.fullmatch(b):
        return math.inf
    return apart / max(RELATIVE * max(abs(number(a)), abs(number(b))), _last_place(a))


def number(text: str) -> float:
    """The first number of a text, which holds one."""
    return float(NUMBER.findall(text)[0].replace(",", "").replace("−", "-"))


def _last_place(text: str) -> float:
    """One and a half units of the last decimal, and nothing for a whole number, which counts things."""
    decimals = re.search(r"\.(\d+)", text)
    exponent = re.search(r"[eE]([-+]?\d+)", text)
    if not decimals:
        return 0.0
    return float(1.5 * 10.0 ** ((int(exponent[1]) if exponent else 0) - len(decimals[1])))


Place = tuple[str | int, ...]


def compare_json(old: bytes, new: bytes, moved: Moved = NOTHING) -> Verdict:
    """Entries that only one side has or that are no numbers, and numbers of a list that differ too much."""
    try:
        before, after = (dict(_leaves(json.loads(content))) for content in (old, new))
    except (ValueError, RecursionError):
        return compare_sizes(old, new)  # it is not what its name says
    if lonely := before.keys() ^ after.keys():
        first = next(place for place in (*before, *after) if place in lonely)
        return [f"{len(lonely):,} entries are on one side only, the first {_path(first)}"], ""
    largest: dict[Place, float] = {}
    for place, value in before.items():
        if _is_number(value) and math.isfinite(abs(value)):
            largest[_column(place)] = max(largest.get(_column(place), 0.0), abs(value))
    apart = {
        place: _apart(a, after[place], RELATIVE * largest.get(_column(place), 0.0))
        for place, a in before.items()
        if not (_is_number(a) and _is_number(after[place]) and (a, after[place]) in moved)
    }
    if not (many := sum(share > 1 for share in apart.values())):
        return [], "numbers differ a little, as between processors"
    worst = max(apart, key=apart.__getitem__)
    said = f"{before[worst]!r:.40} accepted, {after[worst]!r:.40} now"
    allowed = "2 % of the largest in its list is allowed, and nothing for whole numbers and words"
    return [f"{many:,} of {len(before):,} entries differ, the worst {_path(worst)}: {said}; {allowed}"], ""


def _leaves(tree: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """What a tree of lists and dictionaries holds, each with the way to it."""
    if not (isinstance(tree, dict | list) and tree):
        yield place, tree
        return
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from _leaves(value, (*place, key))


def _path(place: Place) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def _column(place: Place) -> Place:
    """The array that a number belongs to: the way to it, but for its number in a list."""
    return tuple(part for part in place if isinstance(part, str))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _apart(a: Any, b: Any, allowed: float) -> float:
    """How far two entries are apart, as a multiple of what is allowed; infinite for words."""
    numbers = _is_number(a) and _is_number(b)
    if (numbers or type(a) is type(b)) and (a == b or (a != a and b != b)):  # or neither is a number
        return 0.0
    if not numbers or (isinstance(a, int) and isinstance(b, int)):
        return math.inf
    share = abs(a - b) / allowed if allowed else math.inf
    return math.inf if math.isnan(share) else share


def compare_sizes(old: bytes, new: bytes) -> Verdict:
    """Files of which only the size can be compared."""
    if len(old) != len(new):
        return [f"{len(old):,} bytes accepted, {len(new):,} now"], ""
    return [], "the bytes differ, the size does not"
