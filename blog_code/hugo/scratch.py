"""Make the copy of a site in which Hugo works: nothing that leads out of the site, our templates in place
of its own.

Only shortcodes, partials and render hooks of a site and its themes stay, so that `all.html` renders every
page.
"""

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blog_code.hugo.blocks import shortcode_tags
from blog_code.hugo.headers import front_matter, refuse_bombs
from blog_code.hugo.hugo import EMBEDDED, Hugo, stub
from blog_code.hugo.problems import Refused, Usage, listed
from blog_code.hugo.source import PAGES, SUFFIXES, Source, config_files

TEMPLATES = Path(__file__).with_name("templates")
LEFT = listed("public node_modules .git .github static go.mod go.sum go.work .hugo_build.lock")
KEPT = frozenset(["shortcodes", "_shortcodes", "partials", "_partials"])
OURS = re.compile(r"render-(heading|codeblock|image|link|table|passthrough)\.")
_SOURCE = re.compile(r"""(?m)^[\s{,-]*["']?source["']?\s*[:=]\s*["']?([^"'\n#,}]+)""")
_OLD_MARKUP = re.compile(r"(?m)^markup\s*[:=]\s*[\"']?mmark[\"']?[ \t]*$\n?")
PICTURES = listed(
    ".png .jpg .jpeg .gif .webp .avif .svg .bmp .tif .tiff .mp4 .webm .mp3 .pdf .zip .woff .woff2"
)
FOLDERS = (
    "contentdir",
    "layoutdir",
    "assetdir",
    "datadir",
    "i18ndir",
    "archetypedir",
    "staticdir",
    "themesdir",
)
ALONE = """baseURL = "https://example.org/"
[markup.goldmark.renderer]
unsafe = true
[markup.goldmark.extensions.passthrough]
enable = true
[markup.goldmark.extensions.passthrough.delimiters]
block = [['\\[', '\\]'], ['$$', '$$']]
inline = [['\\(', '\\)']]
"""


@dataclass
class Scratch:
    """Holds the copy, and what of the site cannot be read."""

    source: Source
    folder: Path
    picture_problem: Callable[[Path], str] = lambda path: ""  # what is wrong with a picture, or nothing
    refused: dict[str, Refused] = field(default_factory=dict)  # files of pages, relative to the site
    old_markup: set[str] = field(default_factory=set)  # files that say mmark, which Hugo has no more
    missing: set[str] = field(default_factory=set)  # shortcodes that have no template
    content: list[str] = field(
        default_factory=lambda: ["content"]
    )  # folders of content, relative to the site
    language: str = ""  # of pages that do not say theirs
    static: list[Path] = field(default_factory=list)  # folders of static files, in the site itself

    def prepare(self) -> Hugo:
        """Copy the site, look at its configuration, put our templates in, and return a Hugo for it."""
        if self.source.is_site:
            self._copy(self.source.root, self.folder, 0)
            self._look_at_configuration()
        else:
            self._copy_alone()
        for path in self._posts():
            self._look_at_post(path)
        hugo = Hugo(self.folder, token=secrets.token_hex(8))
        settings, modules = hugo.settings()
        self.language = str(settings.get("defaultcontentlanguage") or "")
        self._refuse_outside(settings, modules)
        self._clear_layouts()
        self._write_stubs()
        self.write_templates("all", hugo.token)
        return hugo

    def origin(self, name: str) -> Path:
        """Return the file of the site that a file of the copy is one of."""
        if self.source.is_site:
            return self.source.root / name
        return self.source.root / Path(name).relative_to(self._home)

    @property
    def _home(self) -> Path:
        """Where in the copy a post without a site lies: a bundle in a folder of its own name."""
        only = self.source.only
        return Path("content/posts") / (only.name if only and only.is_dir() else "")

    def _copy(self, here: Path, there: Path, depth: int) -> None:
        """Copy a folder; a link that leads out of the site ends the import."""
        there.mkdir(parents=True, exist_ok=True)
        for entry in sorted(os.scandir(here), key=lambda entry: entry.name):
            is_output = entry.name == "docs" and Path(entry.path, "index.html").is_file()
            if (not depth and (entry.name in LEFT or is_output)) or entry.name == ".git":
                continue
            path, target = Path(entry.path), there / entry.name
            if entry.is_symlink():
                self._refuse_link(path)
            if entry.is_dir():
                if depth > 40:
                    raise Usage(f"{path} is more than 40 folders deep: does a link lead to its own folder?")
                self._copy(path, target, depth + 1)
            elif entry.is_file() and _readable(entry.name):
                link_or_copy(path, target)
            else:
                self.refused[os.fsencode(entry.name).decode("utf-8", "replace")] = Refused(
                    "name", "a name that is not UTF-8"
                )

    def _refuse_link(self, path: Path) -> None:
        target = path.resolve()
        if not target.is_relative_to(self.source.root) or path.absolute().is_relative_to(target):
            raise Usage(
                f"{path} is a link that leads out of the site, or to a folder that it lies in: "
                "put what it leads to in its place, or remove it"
            )

    def _copy_alone(self) -> None:
        """Make a site around a post or a bundle that has none."""
        home = self.folder / self._home
        home.mkdir(parents=True)
        only = self.source.only
        assert only is not None
        if only.is_dir():
            self._copy(only, home, 1)
        else:
            shutil.copyfile(only, home / only.name)
        (self.folder / "hugo.toml").write_text(ALONE, "utf-8")

    def _posts(self) -> Iterator[Path]:
        for path in sorted(self.folder.rglob("*")):
            if (
                path.suffix.lower() in PAGES
                and path.is_file()
                and "content" in path.relative_to(self.folder).parts
            ):
                yield path

    def _look_at_configuration(self) -> None:
        for path in [*config_files(self.folder), *self.folder.glob("themes/*/*")]:
            if path.suffix not in SUFFIXES or not path.is_file():
                continue
            theme = path.relative_to(self.folder).parts[:2]
            home = self.folder.joinpath(*theme) if theme[0] == "themes" else self.folder
            try:
                text = path.read_text("utf-8")
                refuse_bombs(path.suffix[1:], text)
                for source in _SOURCE.findall(text):
                    self._refuse_folder("source", str(home / source))
            except UnicodeDecodeError:
                raise Usage(f"{path.relative_to(self.folder)} is not UTF-8") from None
            except Refused as error:
                raise Usage(f"{path.relative_to(self.folder)}: {error.reason}") from None

    def _look_at_post(self, path: Path) -> None:
        """Put a post away that is not UTF-8, or whose front matter would take all memory."""
        name = path.relative_to(self.folder).as_posix()
        try:
            text = path.read_bytes().decode("utf-8")
            refuse_bombs(*front_matter(text))
            if (today := _OLD_MARKUP.sub("", text, count=1)) != text:
                self.old_markup.add(name)
                path.write_bytes(today.encode())
        except UnicodeDecodeError as error:
            line = path.read_bytes()[: error.start].count(b"\n") + 1
            self.refused[name] = Refused("encoding", "is not UTF-8; save it as UTF-8", line)
        except Refused as error:
            self.refused[name] = error
        if name in self.refused:
            path.unlink()

    def _refuse_outside(self, settings: dict[str, Any], modules: list[dict[str, Any]]) -> None:
        """Refuse folders of the configuration, and mounts, that do not lie in the site, resolved."""
        named = [(key, value) for key in FOLDERS for value in _strings(settings.get(key))]
        languages = settings.get("languages") or {}
        for name, language in languages.items() if isinstance(languages, dict) else ():
            named += [
                (f"languages.{name}.{key}", v) for key in FOLDERS for v in _strings((language or {}).get(key))
            ]
        caches = settings.get("caches") or {}
        named += [
            (f"caches.{name}.dir", cache["dir"]) for name, cache in caches.items() if isinstance(cache, dict)
        ]
        for module in modules:
            folder = Path(module["dir"])
            named += [("module.mounts", str(folder / mount["source"])) for mount in module["mounts"] or ()]
        for key, value in named:
            self._refuse_folder(key, value)
        project = modules[0]["mounts"] or () if modules else ()
        mounts = [mount["source"] for mount in project if str(mount["target"]).split("/")[0] == "content"]
        self.content = sorted(
            {*mounts, *(value for key, value in named if key.endswith("contentdir"))}, key=len
        )
        if self.source.is_site:
            self.static = [self.source.root / "static", *self._theme_folders(modules, "static")]

    def _refuse_folder(self, key: str, value: str) -> None:
        root = self.folder.resolve()
        if not (root / value.strip()).resolve().is_relative_to(root):
            shown = value.removeprefix(f"{self.folder}/").removeprefix(f"{root}/")
            raise Usage(f"{key} = {shown!r} leads out of the site, where no import reads: take it out")

    def _theme_folders(self, modules: list[dict[str, Any]], name: str) -> Iterator[Path]:
        for module in modules[1:]:
            yield self.origin((Path(module["dir"]) / name).relative_to(self.folder.resolve()).as_posix())

    def _layouts(self) -> list[Path]:
        """Return the folders of layouts: of the site, its themes and what it vendors."""
        return [
            path
            for path in self.folder.rglob("layouts")
            if path.is_dir() and "content" not in path.relative_to(self.folder).parts
        ]

    def _clear_layouts(self) -> None:
        for layouts in self._layouts():
            for path in [path for path in layouts.rglob("*") if path.is_file()]:
                parts = path.relative_to(layouts).parts[:-1]
                if not (KEPT & set(parts)) and not ("_markup" in parts and not OURS.search(path.name)):
                    path.unlink()

    def _write_stubs(self) -> None:
        """Give each shortcode that nobody defines a stub, or Hugo would stop at the first."""
        have = set(EMBEDDED)
        for layouts in self._layouts():
            for folder in (path for name in ("shortcodes", "_shortcodes") for path in layouts.rglob(name)):
                have |= {
                    path.relative_to(folder).as_posix().partition(".")[0] for path in folder.rglob("*.*")
                }
        used: dict[str, bool] = {}
        for path in self._posts():
            for tag in shortcode_tags(path.read_text("utf-8")):
                used[tag.name] = used.get(tag.name, False) or tag.closing or tag.self_closing
        for name in sorted(set(used) - have):
            if not name.endswith(".inline") and ".." not in name and len(name) < 100:
                self.missing.add(name)
                path = self.folder / "layouts" / "_shortcodes" / f"{name}.html"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(stub(name, closed=used[name]), "utf-8")

    def write_templates(self, name: str, token: str) -> None:
        """Put the template that prints all pages in place, and our render hooks."""
        layouts = self.folder / "layouts"
        (layouts / "_markup").mkdir(parents=True, exist_ok=True)
        text = (TEMPLATES / f"{name}.html").read_text("utf-8").replace("TOKEN", token)
        (layouts / "all.html").write_text(text, "utf-8")
        for path in TEMPLATES.glob("render-*.html"):
            is_theirs = path.name == "render-blockquote-alert.html" and any(
                found.parent != layouts / "_markup" for found in self.folder.rglob("render-blockquote*")
            )
            names = [
                path.name,
                path.name.replace("codeblock", "codeblock-goat"),
            ]  # Hugo has a hook of its own for goat
            for hook in () if is_theirs else names:
                (layouts / "_markup" / hook).write_text(path.read_text("utf-8").rstrip("\n"), "utf-8")


def link_or_copy(path: Path, target: Path) -> None:
    """Link what Hugo only reads, copy what it, or we, may write to."""
    if path.suffix.lower() in PICTURES and not path.is_symlink():
        try:
            os.link(path, target)
            return
        except OSError:
            pass
    shutil.copyfile(path, target)


def _readable(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _strings(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str) and item]
