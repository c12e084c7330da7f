"""Values of a run as the prose quotes them."""

import pytest

from blog_code.posts.values import format_value


@pytest.mark.parametrize(
    ("value", "spec", "shown"),
    [
        (-98.04, ".1f", "−98.0"),
        (60000, "", "60,000"),
        (0.25, ".0%", "25%"),
        (1.5, "", "1.5"),
        (True, "", "yes"),
        (3, ".1f", "3.0"),
    ],
)
def test_values_are_formatted_for_prose(value: float, spec: str, shown: str) -> None:
    """A number in a sentence has the digits that the author asked for, and a true minus sign."""
    assert format_value(value, spec) == shown
