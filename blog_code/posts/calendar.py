"""The days that posts have: today, on which all of a command agrees, and the one on which a post is due."""

import datetime


def today() -> datetime.date:
    """Return the day, as it is in UTC."""
    return datetime.datetime.now(datetime.UTC).date()


def day_in_utc(date: datetime.date) -> datetime.date:
    """Return the day of a date, or of a moment as it is in UTC."""
    if not isinstance(date, datetime.datetime):
        return date
    return (date.astimezone(datetime.UTC) if date.tzinfo else date).date()
