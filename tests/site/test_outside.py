"""Judges that nobody here wrote: html-validate and Lighthouse, as npm's lock pins them."""

import json
import subprocess
import sys
from pathlib import Path

from sites import Built

NODE = Path(sys.executable).with_name("node")
RULES = {
    "root": True,
    "extends": ["html-validate:standard"],
    "rules": {"valid-autocomplete": "off"},  # the theme's own: the boxes that make its menus
}
PLACES = ["", "about/", "status/", "benchmarks/", "posts/flax-and-optax/"]


def complaints(judges: Path, folder: Path, rules: dict[str, object]) -> list[str]:
    """What html-validate says of every page of a folder: page, line and rule."""
    configuration = folder.parent / "html-validate.json"
    configuration.write_text(json.dumps(rules))
    command = [NODE, judges / "html-validate" / "bin" / "html-validate.mjs", "--config", configuration]
    said = folder.parent / "html-validate-says.json"  # it ends before a pipe has taken a long answer
    with said.open("w") as answer:
        pages = ["--formatter", "json", f"{folder}/**/*.html"]
        done = subprocess.run([*command, *pages], stdout=answer, stderr=subprocess.PIPE, timeout=300)
    assert said.stat().st_size, done.stderr
    return [
        f"{Path(page['filePath']).relative_to(folder)}:{fault['line']}: {fault['ruleId']}: {fault['message']}"
        for page in json.loads(said.read_text("utf-8"))
        for fault in page["messages"]
    ]


def test_html_is_valid(site: Built, judges: Path) -> None:
    """Every page is HTML as the standard has it."""
    assert complaints(judges, site.folder, RULES) == []


def test_the_judge_of_html_judges(judges: Path, tmp_path: Path) -> None:
    """A page with an element where none may be, and with an id twice, is not passed."""
    page = tmp_path / "pages" / "index.html"
    page.parent.mkdir()
    page.write_text('<!doctype html><html lang="en"><head><title>x</title></head><body>'
                    '<p id="a"><div id="a"></div></p></body></html>')  # fmt: skip
    said = " ".join(complaints(judges, page.parent, RULES))

    assert "no-dup-id" in said and "close-order" in said


def test_lighthouse(real: Built, judges: Path, chromium: Path) -> None:
    """Accessibility, best practices and what search engines ask for: 100 of 100 on each kind of page."""
    script = Path(__file__).with_name("lighthouse.mjs")
    command = [NODE, script, judges, chromium, *(real.address + place for place in PLACES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        told = json.loads(line)

        assert told["scores"] == {"accessibility": 1, "best-practices": 1, "seo": 1}, told
    assert len(done.stdout.splitlines()) == len(PLACES)
