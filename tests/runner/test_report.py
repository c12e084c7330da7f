"""What a run changes, on one page: each altered output is on it, and nothing else."""

import base64
import io
import os
import re
from pathlib import Path

import pytest
from lxml import html
from PIL import Image
from repository import Repository

from blog_code.runner.report import LIMIT, make_report, make_summary, write_report
from blog_code.runner.verify import Comparison, compare_runs


def picture(colour: str, side: int = 32) -> bytes:
    Image.new("RGB", (side, side), colour).save(made := io.BytesIO(), "PNG")
    return made.getvalue()


def chart(height: int) -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="{height}"/></svg>'.encode()


OLD = {
    "words.txt": b"one\ntwo\nthree\n",
    "loss.txt": b"loss 10.00\n",
    "table.html": b"<table><tr><td>1</td></tr></table>",
    "grid.png": picture("white"),
    "curve.svg": chart(9),
    "numbers.json": b'{"a": [1.0, 2.0]}',
    "weights.bin": b"12345",
}
# Each output as another run may have left it, and the verdict on that.
ALTERED = {
    "words.txt": (b"one\n2\nthree\n", "differs"),
    "loss.txt": (b"loss 10.01\n", "within"),
    "table.html": (b"<table><tr><td><script>2</script></td></tr></table>", "differs"),
    "grid.png": (picture("black"), "differs"),
    "curve.svg": (chart(5), "differs"),
    "numbers.json": (b'{"a": [1.0, 2.01]}', "within"),
    "weights.bin": (b"123456", "differs"),
}
VALUES = """values:
  ten: {is: 10, within: 1}
  seconds: {timing: true}
  same: {is: 3, within: 0}"""


@pytest.fixture
def repo_with_values(repo: Repository) -> Repository:
    """A post that quotes three values."""
    repo.post(first="print(1)", front=VALUES, end="{{ x.ten }} {{ x.seconds }} {{ x.same }}")
    return repo


def compared(repo: Repository, new: dict[str, bytes], **values: float) -> Comparison:
    accepted = {"ten": 10.0, "seconds": 1.0, "same": 3}
    return compare_runs(repo.read(), (accepted, OLD), (accepted | values, new))


def listed(page: str) -> dict[str, str]:
    """What a report lists: each output and each value with its verdict."""
    tree = html.document_fromstring(page)
    outputs = {node.text: node.getnext().get("class") for node in tree.iter("h3")}
    return outputs | {row[0].text: row[-1].text for row in tree.iterfind(".//tr") if row[0].tag == "td"}


@pytest.mark.parametrize("name", ALTERED)
def test_each_altered_output_is_listed(repo_with_values: Repository, name: str) -> None:
    """One output is another one: it alone is on the page, with its verdict, old beside new."""
    new, verdict = ALTERED[name]
    comparison = compared(repo_with_values, OLD | {name: new})

    assert listed(make_report([comparison])) == {name: verdict}
    assert re.findall(r"`(.*?)`: (\w+)", make_summary([comparison])) == [(name, verdict)]


def test_all_altered_outputs_are_listed(repo_with_values: Repository) -> None:
    """Seven outputs are others: seven are listed, those that differ first; figures stand old beside new."""
    page = make_report([compared(repo_with_values, {name: new for name, (new, _) in ALTERED.items()})])
    shown = [base64.b64decode(found) for found in re.findall(r"base64,([^\"]+)", page)]

    assert listed(page) == {name: verdict for name, (_, verdict) in ALTERED.items()}
    assert [*listed(page).values()] == ["differs"] * 5 + ["within"] * 2
    assert shown == [chart(9), chart(5), picture("white"), picture("black")]


def test_an_equal_run_lists_nothing(repo_with_values: Repository) -> None:
    """The same outputs and values leave a page that says so."""
    page = make_report([compared(repo_with_values, OLD)])

    assert listed(page) == {}
    assert "0 of 7 outputs changed" in page and "0 of 3 values changed" in page


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"ten": 10.5}, {"ten": "within"}),
        ({"ten": 12.0}, {"ten": "differs"}),
        ({"seconds": 7.0}, {"seconds": "within"}),
        ({"same": 4, "ten": 9.5}, {"same": "differs", "ten": "within"}),
    ],
)
def test_values_stand_with_their_tolerance(
    repo_with_values: Repository, values: dict[str, float], said: dict[str, str]
) -> None:
    """A value that moved is listed old and new, with what is declared of it and the verdict."""
    page = make_report([compared(repo_with_values, OLD, **values)])

    assert listed(page) == said
    assert ("10 within 1" in page) == ("ten" in values)


@pytest.mark.parametrize(("old", "new"), [({}, {"a.txt": b"1"}), ({"a.png": picture("red")}, {})])
def test_what_one_run_lacks_is_listed(repo: Repository, old: dict[str, bytes], new: dict[str, bytes]) -> None:
    """A first run has no accepted one beside it; an output that is gone is a change too."""
    repo.post(first="print(1)")

    assert listed(make_report([compare_runs(repo.read(), ({}, old), ({}, new))])) == {
        [*old, *new][0]: "differs"
    }


def test_nothing_on_the_page_runs(repo_with_values: Repository) -> None:
    """Whatever a cell left in an output or its name, the page shows it as text and loads nothing."""
    evil = {
        "<img src=x onerror=alert(1)>.txt": b"<script>alert(1)</script>",
        "e.svg": b"<svg onload='alert(1)'/>",
    }
    tree = html.document_fromstring(make_report([compared(repo_with_values, OLD | evil)]))

    assert [*tree.iter("script")] == [] and not tree.xpath("//@onerror | //@onload")
    assert all(source.startswith("data:image/") for source in tree.xpath("//@src"))
    assert "default-src 'none'" in tree.xpath("//meta/@content")[0]


@pytest.mark.parametrize("kind", ["pictures", "texts", "lines"])
def test_a_report_has_a_size(repo_with_values: Repository, kind: str) -> None:
    """However much a run changes, the page stays under two megabytes, and names what it leaves out."""
    noise = bytes(range(256)) * 4_000
    new = {
        "pictures": {f"{n}.png": noise for n in range(9)},
        "texts": {f"{n}.txt": b"&&&&&&&&\n" * 100_000 for n in range(300)},
        "lines": {f"{n}.txt": b"&" * 1_000_000 for n in range(9)},
    }[kind]
    page = make_report([compared(repo_with_values, OLD | new)])

    assert len(page.encode()) <= LIMIT
    assert listed(page).keys() == new.keys()


def test_the_command_writes_the_page(repo: Repository) -> None:
    """`blog run --report` says what a run changes against the one before, and GitHub's summary too."""
    repo.post(first="print(1)")
    repo.accept()
    repo.edit("blog_code/x/story.py", "print(1)", "print(2)")
    summary = repo.write("summary.md", "")
    done = repo.blog(
        "run", "--report", "report.html", env={**os.environ, "GITHUB_STEP_SUMMARY": str(summary)}
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert listed((repo.root / "report.html").read_text()) == {"first.txt": "differs"}
    assert "`first.txt`: differs" in summary.read_text()


def test_a_report_that_cannot_be_written_is_a_line(repo: Repository, tmp_path: Path) -> None:
    """Where there is a folder in the place of the report, a line says so."""
    (tmp_path / "report.html").mkdir()
    with pytest.raises(Exception, match="the report could not be written"):
        write_report(tmp_path / "report.html", [], repo.root)
