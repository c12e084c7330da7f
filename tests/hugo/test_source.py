"""Headers: what Hugo reads in them, and what Material is given."""

import datetime as dt

import pytest
import yaml

from blog_code.errors import PostError
from blog_code.hugo.page_header import page_header
from blog_code.hugo.source import read_date, read_source

NOW = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)

DATES = {
    "2023-05-22T21:54:11+01:00": "2023-05-22T21:54:11+01:00",
    "2024-01-02 10:00:00 +0800": "2024-01-02T10:00:00+08:00",
    "2024-01-02 10:00:00 +0800 CST": "2024-01-02T10:00:00+08:00",
    "2024-01-02 10:00:00 +0000 UTC": "2024-01-02T10:00:00+00:00",
    "2024-01-02T10:00:00Z": "2024-01-02T10:00:00+00:00",
    "2024-01-02T10:00:00.123456Z": "2024-01-02T10:00:00+00:00",
    "2024-01-02T10:00:00": "2024-01-02T10:00:00+00:00",
    "2024-01-02 10:00": "2024-01-02T10:00:00+00:00",
    "2024-01-02": "2024-01-02",
    "2 Jan 2024": "2024-01-02",
    "January 2, 2024": "2024-01-02",
    "Tue, 02 Jan 2024 10:00:00 +0100": "2024-01-02T10:00:00+01:00",
}


@pytest.mark.parametrize("written", DATES)
def test_date_is_read_as_hugo_reads_it(written: str) -> None:
    """Each form of a date that Hugo takes is understood: posts keep their order, times their offset."""
    assert read_date(written, None).isoformat() == DATES[written]


def test_time_without_zone_is_in_the_site_s() -> None:
    """A post near midnight keeps its day: the site's time zone holds where the header names none."""
    assert read_date("2024-07-01 23:30:00", "Europe/London").isoformat() == "2024-07-01T23:30:00+01:00"
    with pytest.raises(PostError, match="timeZone"):
        read_date("2024-07-01 23:30:00", "Nowhere/At-All")


@pytest.mark.parametrize(
    "text",
    [
        '---\ntitle: "A: b"\ndate: 2024-01-02\ntags: [x]\n---\nbody\n',
        '+++\ntitle = "A: b"\ndate = 2024-01-02\ntags = ["x"]\n+++\nbody\n',
        '{\n"title": "A: b",\n"date": "2024-01-02",\n"tags": ["x"]\n}\nbody\n',
        '\ufeff---\r\ntitle: "A: b"\r\ndate: 2024-01-02\r\ntags: [x]\r\n---\r\nbody\r\n',
    ],
)
def test_header_is_read_in_each_form(text: str) -> None:
    """YAML, TOML and JSON headers are read alike, and so are files with the line ends of other systems."""
    source = read_source(text)
    assert source.header["title"] == "A: b" and source.header["tags"] == ["x"]
    assert source.body.strip() == "body"
    lines = text.replace("\r\n", "\n").split("\n")
    assert source.body_line == lines.index("body") + 1


def _header(**values: object) -> dict[str, object]:
    header = page_header({"title": "T", "date": "2024-01-02", **values}, "t", None, NOW)
    return dict(yaml.safe_load(header.text().strip("-\n")))


def test_yaml_1_2_strings_stay_strings() -> None:
    """Values that PyYAML would read as numbers, times or booleans come through as they were written."""
    source = read_source("---\nslug: 12:30:45\ntags: [yes, 1.10, on]\ntitle: no\ndate: 2024-01-02\n---\n")
    header = page_header(source.header, "t", None, NOW)
    written = yaml.safe_load(header.text().strip("-\n"))
    assert source.header["slug"] == "12:30:45"
    assert written["title"] == "no" and written["tags"] == ["yes", "1.1", "on"]


def test_drafts_and_expired_posts_are_drafts() -> None:
    """What was not public does not become so: drafts in any spelling, and posts whose time is over."""
    assert _header(draft="yes")["draft"] is True
    assert _header(draft=True)["draft"] is True
    assert "draft" not in _header(draft=False)
    assert _header(expiryDate="2024-01-03")["draft"] is True


def test_words_about_a_post_are_mapped() -> None:
    """Tags, categories, series, descriptions and updates are kept; one word counts as a list of one."""
    header = _header(tags="one", categories=["A", "A", ""], series="S", summary="Short", lastmod="2024-02-03")
    assert header["tags"] == ["one", "series: S"] and header["categories"] == ["A"]
    assert header["description"] == "Short"
    assert (header["date"], header["updated"]) == (dt.date(2024, 1, 2), dt.date(2024, 2, 3))
    assert "updated" not in _header(lastmod="2024-01-02")
    assert _header(toc=False)["hide"] == ["toc"] and "hide" not in _header(toc=True)


def test_what_means_something_else_to_material_is_kept_apart() -> None:
    """Keys that Material would read otherwise, or refuse, stand under `hugo:`, where they harm no build."""
    header = _header(
        links=[{"name": "x"}], authors=["Me"], template="a.html", status="new", icon="x", pin=True
    )
    assert set(header) == {"title", "date", "slug", "hugo"}
    assert set(header["hugo"]) == {"links", "authors", "template", "status", "icon", "pin"}


def test_a_title_about_templates_stays() -> None:
    """Braces are text for the site, in titles too: nothing is put around them."""
    assert _header(title="Use {{ x }} {% y %}")["title"] == "Use {{ x }} {% y %}"
