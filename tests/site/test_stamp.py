"""Nothing changed, nothing built; and whatever a page depends on, or a page itself, is noticed."""

import os
import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from blog_code.runner.check import Verdict
from blog_code.site.stamp import STAMP, is_built, take_stamp, write_stamp

FRESH = [Verdict("a")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository whose site was just built."""
    files = {
        "mkdocs.yml": "site_url: !ENV [SITE_URL, 'https://example.org']\nextra: !ENV OWNER\n",
        "docs/posts/a.md": "A post.\n",
        "blog_code/a/story.py": "print(1)\n",
        "site-data/words.md": "Words.\n",
        ".theme/main.html": "<p>",
        "site/posts/a/index.html": "<p>A post.",
        "site/site/index.html": "<p>A page of that name.",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    write_stamp(tmp_path, take_stamp(tmp_path, FRESH))
    return tmp_path


def built(root: Path, verdicts: list[Verdict] = FRESH) -> bool:
    return is_built(root, take_stamp(root, verdicts))


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text(text)


def rewrite(root: Path) -> None:
    """Change a byte, and put back size and time as rsync or an archive may."""
    path, state = root / "docs/posts/a.md", os.stat(root / "docs/posts/a.md")
    path.write_text("B post.\n")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "a word of prose": write("docs/posts/a.md", "Another post.\n"),
    "a byte under an old time": rewrite,
    "a new file": write("docs/posts/b.md", "B\n"),
    "a post that is gone": lambda root: (root / "docs/posts/a.md").unlink(),
    "code": write("blog_code/a/story.py", "print(2)\n"),
    "settings": write("mkdocs.yml", "site_url: https://example.org\n"),
    "a file of the lock": write("requirements.lock", "jax==1\n"),
    "a changed page": write("site/posts/a/index.html", "<p>Edited."),
    "a folder whose name begins as the site's": write("site-data/words.md", "Another.\n"),
    "a hidden folder, which a theme may lie in": write(".theme/main.html", "<p>Another.\n"),
    "a page that is gone": lambda root: (root / "site/site/index.html").unlink(),
    "a page too many": write("site/b.html", "<p>B"),
    "no stamp": lambda root: (root / STAMP).unlink(),
    "a torn stamp": write(STAMP, '{"inputs": {'),
    "a stamp of something else": write(STAMP, "[]"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_page_depends_on_is_noticed(root: Path, change: str) -> None:
    """No change of sources, settings or pages leaves an old site in place."""
    assert built(root)
    CHANGES[change](root)

    assert not built(root)


def test_what_changes_nothing_builds_nothing(root: Path) -> None:
    """A file that was touched, or checked out anew with the same content, is no change; nor is a cache."""
    for path in (root / "docs/posts/a.md", root / "site/posts/a/index.html"):
        os.utime(path)
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    (root / "blog_code/a/__pycache__").mkdir()
    write("blog_code/a/__pycache__/story.pyc", "x")(root)
    (root / ".venv").mkdir()
    write(".venv/ready", "x")(root)

    assert built(root)


def test_surroundings_are_noticed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another address, another Python, a post that is due or scheduled today: each builds the site anew."""
    for name in ("SITE_URL", "OWNER"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "https://example.net")
            assert not built(root)
    with monkeypatch.context() as patch:
        patch.setattr(platform, "python_version", lambda: "3.99.0")
        assert not built(root)
    assert not built(root, [Verdict("a", "due", ["device changed"])])
    assert built(root)
