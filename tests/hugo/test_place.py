"""What an import leaves: a second one changes only what changed, edits are safe, and it all lands in one step."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hugo_sites import ROOT, bring, page, post, site, write
from typer.testing import CliRunner, Result

from blog_code.cli import app
from blog_code.hugo import place

PNG = (ROOT / "tests/hugo/cases/static/p.png").read_bytes()
FILES = {
    "content/posts/a/index.md": post("![A](a.png)\n", "aliases: [/was/]\n"),
    "content/posts/a/a.png": PNG,
    "content/posts/b.md": post("b\n"),
}


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return all files of a folder, with the moment of their last change."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_second_import_writes_only_what_changed(tmp_path: Path) -> None:
    """The same blog imported again leaves every file as it is; a changed post is replaced, and no other."""
    old = site(tmp_path / "old", FILES)
    bring(old, tmp_path)
    before = snapshot(tmp_path / "docs")
    assert {entry.status for entry in bring(old, tmp_path).pages} == {"unchanged"}
    assert snapshot(tmp_path / "docs") == before
    write(old, {"content/posts/b.md": post("changed\n")})

    assert [entry.status for entry in bring(old, tmp_path).pages] == ["unchanged", "written"]
    changed = {name for name, file in snapshot(tmp_path / "docs").items() if before.get(name) != file}
    assert {Path(name).name for name in changed} == {"b.md", ".imported.json"}


def test_what_is_gone_is_removed(tmp_path: Path) -> None:
    """A post that left the blog leaves the site, with its pictures and redirects; one that is refused now stays."""
    old = site(tmp_path / "old", FILES)
    bring(old, tmp_path)
    write(old, {"content/posts/b.md": post("{{< mystery >}}\n")})
    (old / "content/posts/a/index.md").unlink()
    report = bring(old, tmp_path)

    assert set(report.removed) == {"posts/a.md", "posts/a/a.png", "was/index.html"}
    assert not (tmp_path / "docs/was").exists() and not (tmp_path / "docs/posts/a").exists()
    assert page(tmp_path, "posts/b").startswith("b")


def test_edits_are_safe(tmp_path: Path) -> None:
    """A page that was edited since its import is refused, and replaced or removed only by --force; others come in."""
    old = site(tmp_path / "old", FILES)
    bring(old, tmp_path)
    mine = tmp_path / "docs/posts/b.md"
    mine.write_text(mine.read_text("utf-8") + "\nmine\n", "utf-8")
    write(old, {"content/posts/b.md": post("theirs\n"), "content/posts/c.md": post("c\n")})
    [refused] = bring(old, tmp_path).refused
    assert (
        "edited" in refused.reason
        and "--force" in refused.reason
        and mine.read_text("utf-8").endswith("mine\n")
    )
    assert (tmp_path / "docs/posts/c.md").is_file()

    assert not bring(old, tmp_path, force=True).refused
    assert "theirs" in page(tmp_path, "posts/b")


def test_what_no_import_wrote_is_never_replaced(tmp_path: Path) -> None:
    """A post of one's own, a folder or a link in the way keep their place, whatever is forced."""
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "docs", {"posts/b.md": "mine", "posts/c.md/x": ""})
    (tmp_path / "docs/posts/d.md").symlink_to(tmp_path / "elsewhere" / "d")
    (tmp_path / "docs/posts/a").symlink_to("/etc")
    files = {**FILES, "content/posts/c.md": post("c\n"), "content/posts/d.md": post("d\n")}
    report = bring(site(tmp_path / "old", files), tmp_path, force=True)

    assert len(report.refused) == 4 and all("not from an import" in entry.reason for entry in report.refused)
    assert (tmp_path / "docs/posts/b.md").read_text("utf-8") == "mine" and not list(
        (tmp_path / "elsewhere").iterdir()
    )


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    """Who only wants to see has a dry run, which reports all and leaves no file."""
    report = bring(site(tmp_path / "old", FILES), tmp_path / "new", dry_run=True)

    assert len(report.pages) == 2 and not (tmp_path / "new").exists()


@pytest.mark.parametrize("moves", [0, 1, 3])
def test_import_that_is_killed_is_whole_afterwards(moves: int, tmp_path: Path) -> None:
    """An import killed while it writes leaves the site as it was, or the next command finishes what it began."""
    old = site(tmp_path / "old", FILES)
    kill = (
        "import os, sys; sys.path[:0] = sys.argv[3:]\n"
        "from pathlib import Path\nfrom hugo_sites import bring\nfrom blog_code.hugo import place\n"
        "real, left = os.replace, [int(sys.argv[2])]\n"
        "def replace(*paths):\n"
        "    if str(paths[1]).endswith('journal.json') and left[0] == 0: os.kill(os.getpid(), 9)\n"
        "    if not str(paths[1]).endswith('journal.json'):\n"
        "        left[0] -= 1\n"
        "        if left[0] == 0: os.kill(os.getpid(), 9)\n"
        "    return real(*paths)\n"
        "if __name__ == '__main__':\n"
        "    place.os.replace = replace\n    bring(Path(sys.argv[1]), Path(sys.argv[1]).parent)\n"
    )
    script = tmp_path / "kill.py"
    script.write_text(kill)
    paths = [str(Path(__file__).parent), str(ROOT)]
    done = subprocess.run([sys.executable, script, old, str(moves), *paths], check=False)
    assert done.returncode == -9

    place.finish(tmp_path / "docs")
    files = {path.name for path in (tmp_path / "docs").rglob("*") if path.is_file()}
    assert files == (set() if moves == 0 else {"a.md", "a.png", "b.md", "index.html", ".imported.json"})
    assert not bring(old, tmp_path).refused


def test_command_says_what_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People read counts by kind and what to do next; scripts read exit codes, and a file with all details."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"mkdocs.yml": (ROOT / "mkdocs.yml").read_text("utf-8"), "docs/.keep": ""})
    posts = {f"content/posts/p{n}.md": post("{{< mystery >}}\n") for n in range(8)}
    old = site(
        tmp_path / "old", {**FILES, **posts, "content/posts/far.md": post("![x](https://x.test/a.png)\n")}
    )

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["import", *arguments])

    done = call(str(old))
    assert done.exit_code == 1 and "refused, shortcode without a template: 8 pages" in done.output
    assert done.output.count("no template here") == 5 and "and 3 more, in the report" in done.output
    assert "picture of another host is a link: 1 on 1 page" in done.output
    assert "11 pages: 3 written, 0 unchanged, 8 refused" in done.output and "next: blog check" in done.output
    details = json.loads((tmp_path / ".blog/import.json").read_text("utf-8"))
    assert len(details["pages"]) == 11
    assert call(str(old / "content/posts/b.md")).exit_code == 0
    assert call(str(tmp_path / "none.md")).exit_code == 2


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Where docs is in the way or closed, one line says so, and nothing is half there."""
    old = site(tmp_path / "old", FILES)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/posts").write_text("a file")
    report = bring(old, tmp_path)

    assert len(report.refused) == 2 and (tmp_path / "docs/posts").read_text("utf-8") == "a file"
    assert os.listdir(tmp_path / "docs") == ["posts"]
