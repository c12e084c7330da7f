"""Prose is no program: a value is quoted by one form, and all else that looks like a template is text."""

import re
from pathlib import Path

import canary
import jinja2
import pytest
import yaml
from lxml import html

from blog_code.posts.values import MARK
from blog_code.repository import _Loader

ROOT = Path(__file__).parents[2]
MACROS = next(
    plugin["macros"]
    for plugin in yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Loader=_Loader)["plugins"]
    if "macros" in plugin
)
RUN = "cycler.__init__.__globals__.os.popen('touch ran').read()"
LITERAL = [
    "key: ${{ secrets.TOKEN }}",
    "{% raw %}{{ x.rate }}{% endraw %} and {%+ if a %} and {%- end -%}",
    "{# a comment #} and ${#array[@]} and \\frac{{a}}{{b}}",
    "{{ " + RUN + " }}",
    "{{= " + RUN + " }}",
    "{{=" + RUN + "}} {{=- x.rate }} {{= x.rate|upper }} {{= x['rate'] }} {{= x.rate + 1 }}",
    "{{={{= x.rate }}",
    "{{=<% %>=}}",
    '{{= "{{=" }}',
]
HIDDEN = [f"{MARK}% set a = {RUN} %{MARK}", f"{MARK}# gone #{MARK}", f"{{{MARK}{{= {RUN} }}}}"]


def render(text: str) -> str:
    """Render a text as the macros plugin does."""
    settings = {key.removeprefix("j2_"): value for key, value in MACROS.items() if key.startswith("j2_")}
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, **settings)
    return environment.from_string(text).render(x={"rate": "0.99"}, title={"upper": "no"})


@pytest.mark.parametrize("text", LITERAL)
def test_what_is_no_value_is_text(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but a value is read, wherever it stands: workflows, TeX, Bash, templates, and an attack too."""
    monkeypatch.chdir(tmp_path)

    assert render(f"a {text} b {{{{= x.rate }}}}") == f"a {text} b 0.99".replace(
        "{{={{= x.rate }}", "{{=0.99"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", HIDDEN)
def test_the_marks_of_blocks_cannot_be_written(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even somebody who has read mkdocs.yml begins no block and no comment: the character goes."""
    monkeypatch.chdir(tmp_path)

    assert render(text) == text.replace(MARK, "")
    assert not list(tmp_path.iterdir())


def test_both_generators_show_braces_as_they_stand(tmp_path: Path) -> None:
    """MkDocs and Zensical quote the value and leave the rest of a page, its title among it, alone."""
    fence = "\n".join(LITERAL)
    head = "---\ntitle: On {{ x }} and {% y %}\n---\n\nA rate of {{= x.rate }}."
    page = f"{head}\n\n```text\n{fence}\n```\n"
    root = tmp_path / "sources"
    (root / "docs" / "runs").mkdir(parents=True)
    (root / "docs" / "index.md").write_text(page, "utf-8")
    (root / "docs" / "runs" / "values.yml").write_text('{"x": {"rate": "0.99"}}', "utf-8")
    (root / "blog_code").mkdir()
    (root / "benchmarks" / "results").mkdir(parents=True)
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    settings = re.sub(r"(?s)\nnav:.*?\n\nexclude_docs", "\nexclude_docs", settings)
    settings = re.sub(r"(?s)  - blog:.*?(?=  - macros)", "", settings)
    (root / "mkdocs.yml").write_text(settings.replace("extra_css: [assets/site.css]", ""), "utf-8")
    (tmp_path / "scratch").mkdir()

    for build in (canary.build_mkdocs, canary.build_zensical):
        site = build(root, tmp_path / "scratch")
        built = html.fromstring((site / "index.html").read_text("utf-8"))
        assert built.findtext(".//title").startswith("On {{ x }} and {% y %}")
        assert "A rate of 0.99." in built.text_content()
        assert fence.replace("{{={{= x.rate }}", "{{=0.99") in built.text_content()
    assert not list(tmp_path.rglob("ran"))
