"""What may differ between two runs of a text or of a file of numbers, and how the rest is told."""

import json
import math
from typing import Any

import pytest

from blog_code.runner.differences import compare_json, compare_text, near


@pytest.mark.parametrize(
    ("before", "after", "alike"),
    [
        ("60,000 digits", "60,000 digits", True),
        ("60,000 digits", "59,900 digits", False),
        ("7 digits", "8 digits", False),
        ("of 50000.", "of 50900.", False),
        ("loss 10", "loss 10.1", True),
        ("1e-5 of it", "1.01e-5 of it", True),
        ("2 of 3.00", "2 of 3.01", True),
        ("nan", "1.0", False),
        ("draws: [-81.53 -81.52]", "draws: [ -81.5  -81.5 ]", True),
        ("draws: [-81.53 -81.52]", "draws: [-81.53]", False),
    ],
)
def test_whole_numbers_count_things(before: str, after: str, alike: bool) -> None:
    """A number without decimals is the same on every processor; one with them has two per cent of room."""
    assert near(before, after) is alike


def test_ten_thousand_lines_are_told_in_four() -> None:
    """Which, how many, the worst and what was allowed; the worst is not the first, and the lines are cut."""
    old = [f"line {n} " + "word " * 200 + "1.00 of 9.0" for n in range(10_000)]
    new = [line.replace("1.00", "1.10") for line in old]
    new[7000] = new[7000].replace("1.10", "7.70")

    wrong, report = compare_text("\n".join(old).encode(), "\n".join(new).encode())

    assert report == ""
    assert len(wrong) == 3 and max(map(len, wrong)) < 160
    assert wrong[0].startswith("10,000 of 10,000 lines differ, the worst is line 7,001; ")
    assert "2 %" in wrong[0]
    assert "1.00 of 9.0" in wrong[1] and "7.70 of 9.0" in wrong[2]


def test_a_line_less_is_one_more_thing_to_say() -> None:
    """Five lines at most for a file, that it lacks lines among them."""
    wrong, _ = compare_text(b"one\ntwo\n3.0\n", b"two\n3.0\n")

    assert wrong[0] == "3 lines accepted, 2 now"
    assert len(wrong) == 4


ACCEPTED = {"ink": [[0.00001, 0.5], [1.0, -0.25]], "steps": 300, "name": "Adam", "none": None, "ok": True}


def changed(**changes: Any) -> tuple[list[str], str]:
    """What is said of a file of JSON in which something has changed."""
    return compare_json(*(json.dumps(tree).encode() for tree in (ACCEPTED, ACCEPTED | changes)))


def test_numbers_in_json_are_arrays() -> None:
    """A tiny number among large ones may change its sign; the room is that of the largest of its list."""
    assert changed(ink=[[-0.00009, 0.515], [1.0, -0.26]])[0] == []
    assert changed(ink=[[0.00001, 0.5], [1.03, -0.25]])[0] == [
        "1 of 8 entries differ, the worst ink[1][0]: 1.0 accepted, 1.03 now; "
        "2 % of the largest in its list is allowed, and nothing for whole numbers and words"
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 301}, "the worst steps: 300 accepted, 301 now"),
        ({"name": "SGD"}, "the worst name: 'Adam' accepted, 'SGD' now"),
        ({"none": 0}, "the worst none: None accepted, 0 now"),
        ({"ok": 1}, "the worst ok: True accepted, 1 now"),
        ({"ink": [[0.00001, 0.5]]}, "2 entries are on one side only, the first ink[1][0]"),
        ({"more": 1}, "1 entries are on one side only, the first more"),
        ({"ink": [[0.00001, math.nan], [1.0, -0.25]]}, "the worst ink[0][1]: 0.5 accepted, nan now"),
    ],
)
def test_structure_words_and_counts_are_to_be_the_same(changes: dict[str, Any], said: str) -> None:
    """Whatever is no decimal number is the same on every processor."""
    assert said in "".join(changed(**changes)[0])


def test_ten_thousand_numbers_are_told_in_one_line() -> None:
    """A list of pixels is not printed whole."""
    old, new = (json.dumps([value] * 10_000).encode() for value in (0.1, 0.9))

    (said,), _ = compare_json(old, new)

    assert said.startswith("10,000 of 10,000 entries differ, the worst [0]: 0.1 accepted, 0.9 now")


def test_what_is_not_what_its_name_says_is_compared_by_its_size() -> None:
    """A file that is called .json and is none ends no run with a traceback."""
    assert compare_json(b"{", b"{}")[0] == ["1 bytes accepted, 2 now"]
