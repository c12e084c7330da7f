"""A Hugo site on disk: its configuration, its pages, their resources, and the address of each page."""

import datetime as dt
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from blog_code.errors import Finding, PostError
from blog_code.hugo.dialect import EXTRA_TAGS, Delimiters, Dialect, Maths
from blog_code.hugo.page_header import slugged, urlized
from blog_code.hugo.problems import Usage, refusal
from blog_code.hugo.source import Source, read_date, read_source, read_toml, read_yaml

_CONFIG_NAMES = [f"{stem}.{kind}" for stem in ("hugo", "config") for kind in ("toml", "yaml", "yml", "json")]
MARKDOWN = frozenset({".md", ".markdown", ".mdown"})
OTHER_CONTENT = frozenset({".org", ".rst", ".adoc", ".asciidoc", ".pandoc", ".pdc", ".html", ".htm", ".rmd"})


@dataclass(frozen=True)
class Config:
    """What a site's configuration says; for a post that comes alone, Hugo's defaults."""

    values: Mapping[str, Any] = field(default_factory=dict)

    def get(self, *keys: str, default: Any = None) -> Any:
        """Return a value by its path, in whatever case it is written."""
        found: Any = self.values
        for key in keys:
            if not isinstance(found, Mapping):
                return default
            lowered = {str(name).lower(): value for name, value in found.items()}
            if key.lower() not in lowered:
                return default
            found = lowered[key.lower()]
        return found

    @property
    def time_zone(self) -> str | None:
        """The zone of times that name none."""
        return self.get("timeZone") or None

    @property
    def params(self) -> Mapping[str, Any]:
        """The site's own parameters."""
        return self.get("params", default={}) or {}

    @property
    def language(self) -> str:
        """The language of files whose names give none."""
        return str(self.get("defaultContentLanguage", default="en")).lower()

    @property
    def languages(self) -> list[str]:
        """The languages in which the site is written."""
        found = self.get("languages", default={}) or {}
        return [str(name).lower() for name, value in found.items() if not (value or {}).get("disabled")]

    def dialect(self, *, alone: bool) -> Dialect:
        """Return the Markdown that the configuration sets up."""
        goldmark = ("markup", "goldmark")

        def extension(name: str, default: bool = True) -> bool:
            value = self.get(*goldmark, "extensions", name, default=default)
            return (
                bool(value.get("enable", True))
                if isinstance(value, Mapping) and "enable" in value
                else bool(value if not isinstance(value, Mapping) else not value.get("disable", False))
            )

        passthrough = self.get(*goldmark, "extensions", "passthrough", default={}) or {}
        pairs = self.get(*goldmark, "extensions", "passthrough", "delimiters", default={}) or {}
        delimiters = Delimiters()
        if passthrough.get("enable"):
            delimiters = Delimiters(
                tuple((str(a), str(b)) for a, b in pairs.get("inline") or []),
                tuple((str(a), str(b)) for a, b in pairs.get("block") or []),
            )
        extras = self.get(*goldmark, "extensions", "extras", default={}) or {}
        return Dialect(
            raw_html=alone or bool(self.get(*goldmark, "renderer", "unsafe", default=False)),
            typographer=extension("typographer"),
            linkify=extension("linkify"),
            linkify_protocol=str(self.get(*goldmark, "extensions", "linkifyProtocol", default="https")),
            hard_wraps=bool(self.get(*goldmark, "renderer", "hardWraps", default=False)),
            emoji=bool(self.get("enableEmoji", default=False)),
            footnotes=extension("footnote"),
            definition_lists=extension("definitionList"),
            strikethrough=extension("strikethrough"),
            tables=extension("table"),
            task_lists=extension("taskList"),
            heading_attributes=bool(self.get(*goldmark, "parser", "attribute", "title", default=True)),
            block_attributes=bool(self.get(*goldmark, "parser", "attribute", "block", default=False)),
            heading_ids=bool(self.get(*goldmark, "parser", "autoHeadingID", default=True)),
            heading_id_type=str(
                self.get(*goldmark, "parser", "autoIDType")
                or self.get(*goldmark, "parser", "autoHeadingIDType", default="github")
            ).lower(),
            extras={
                str(name).lower(): EXTRA_TAGS[str(name).lower()]
                for name, value in extras.items()
                if isinstance(value, Mapping) and value.get("enable") and str(name).lower() in EXTRA_TAGS
            },
            wide_lines_join=bool(
                self.get(*goldmark, "extensions", "cjk", "enable")
                and self.get(*goldmark, "extensions", "cjk", "eastAsianLineBreaks")
            ),
            passthrough=delimiters,
            maths=Maths.GUESS,
        )


@dataclass(frozen=True)
class HugoPost:
    """One page of content: a file alone, or the `index.md` of a bundle."""

    path: Path
    # Its path under `content`, or its name where there is no site.
    inside: str
    is_bundle: bool
    resources: tuple[Path, ...] = ()

    @property
    def folder(self) -> str:
        """The folder under `content` from which its relative links lead."""
        return posixpath.dirname(self.inside)

    @property
    def base_name(self) -> str:
        """The name that makes its address where the header gives none."""
        if self.is_bundle:
            return posixpath.basename(self.folder) or self.path.parent.resolve().name
        return Path(self.inside).stem

    @cached_property
    def source(self) -> Source:
        """The header and body, read once."""
        try:
            return read_source(self.path.read_text("utf-8"))
        except UnicodeDecodeError as error:
            raise refusal(f"not UTF-8 at byte {error.start}; save it as UTF-8") from error

    @property
    def header(self) -> dict[str, Any]:
        """The header with its keys in lower case."""
        return {str(key).lower(): value for key, value in self.source.header.items()}

    @property
    def slug(self) -> str:
        """The last part of its address on this site."""
        return slugged(urlized(str(self.header.get("slug") or ""))) or slugged(urlized(self.base_name))


@dataclass
class HugoSite:
    """What an import reads: a whole Hugo site, or a post that comes alone."""

    root: Path | None
    config: Config
    posts: list[HugoPost]
    findings: list[Finding] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    # Every page of the site, imported or not, for links between pages.
    pages: list[HugoPost] = field(default_factory=list)

    @property
    def static(self) -> list[Path]:
        """The folders whose files stand at the root of the site."""
        if not self.root:
            return []
        names = self.config.get("staticDir", default="static")
        names = names if isinstance(names, list) else [names]
        themes = sorted(self.root.glob("themes/*/static"))
        return [self.root / str(name) for name in names] + [self.root / "assets", *themes]

    def address(self, post: HugoPost) -> str:
        """Return the path of a page on the Hugo site, with a slash at both ends."""
        url = post.header.get("url")
        if url:
            return _slashed(str(url))
        section = post.inside.split("/")[0] if "/" in post.inside else ""
        rules = self.config.get("permalinks", default={}) or {}
        rules = rules.get("page", rules) if isinstance(rules.get("page", None), Mapping) else rules
        rule = rules.get(section) or rules.get("/") if isinstance(rules, Mapping) else None
        if isinstance(rule, str):
            return _slashed(self._permalink(rule, post, section))
        folder = posixpath.dirname(post.folder) if post.is_bundle else post.folder
        slug = urlized(str(post.header.get("slug") or "")) or urlized(post.base_name)
        return _slashed(f"{urlized(folder)}/{slug}" if folder else slug)

    def _permalink(self, rule: str, post: HugoPost, section: str) -> str:
        date = self._date(post)
        title = re.sub(
            "-{2,}", "-", urlized(str(post.header.get("title") or post.base_name)).replace("+", "")
        )
        name = urlized(post.base_name)
        slug = urlized(str(post.header.get("slug") or ""))
        folder = posixpath.dirname(post.folder) if post.is_bundle else post.folder
        values = {
            "year": f"{date:%Y}",
            "month": f"{date:%m}",
            "monthname": f"{date:%B}".lower(),
            "day": f"{date:%d}",
            "weekday": str(int(f"{date:%w}")),
            "weekdayname": f"{date:%A}".lower(),
            "yearday": str(date.timetuple()[7]),
            "section": section,
            "sections": urlized(folder),
            "title": title,
            "filename": name,
            "contentbasename": name,
            "slug": slug or title,
            "slugorfilename": slug or name,
            "slugorcontentbasename": slug or name,
        }
        return re.sub(r":(\w+)(?:\[[^\]]*\])?", lambda found: values.get(found[1].lower(), found[0]), rule)

    def _date(self, post: HugoPost) -> dt.date | dt.datetime:
        value = next(
            (post.header[key] for key in ("date", "publishdate", "lastmod") if post.header.get(key)), None
        )
        return read_date(value, self.config.time_zone) if value else dt.date(1, 1, 1)


def _slashed(path: str) -> str:
    path = "/" + path.strip("/")
    return path if path.endswith((".html", ".htm")) else path.rstrip("/") + "/"


def open_site(path: Path) -> HugoSite:
    """Return what a path holds: a post, a bundle, or a site with a configuration and `content`."""
    if not path.exists():
        raise Usage(f"{path}: there is no such file or folder")
    root = _root_of(path)
    config = Config(_read_config(root)) if root else Config()
    content = root / str(config.get("contentDir", default="content")) if root else None
    if path.is_dir() and not (path / "index.md").exists():
        if content is None:
            raise Usage(
                f"{path}: neither a bundle (no index.md) nor a Hugo site (no hugo.toml or config.toml)"
            )
        if not content.is_dir():
            raise Usage(f"{path}: the Hugo site has no folder {content.name}")
        start = content if path.resolve() == (root or path).resolve() else path
        site = HugoSite(root, config, [])
        site.posts = list(_posts(start, content, site))
        site.pages = (
            site.posts if start == content else list(_posts(content, content, HugoSite(root, config, [])))
        )
        return site
    file = path / "index.md" if path.is_dir() else path
    if file.suffix.lower() not in MARKDOWN:
        kind = file.suffix or "no extension"
        raise Usage(f"{file}: not Markdown ({kind}); only .md files are imported")
    site = HugoSite(root, config, [])
    if content and content.is_dir() and file.resolve().is_relative_to(content.resolve()):
        site.pages = list(_posts(content, content, HugoSite(root, config, [])))
        site.posts = [post for post in site.pages if post.path.resolve() == file.resolve()] or [_alone(file)]
    else:
        site.posts = [_alone(file)]
        site.pages = site.posts
    return site


def _alone(file: Path) -> HugoPost:
    is_bundle = file.name == "index.md"
    folder = file.parent.resolve().name
    return (
        HugoPost(
            file,
            f"{folder}/{file.name}" if is_bundle else file.name,
            is_bundle,
            _resources(file.parent, file),
        )
        if is_bundle
        else HugoPost(file, file.name, False)
    )


def _root_of(path: Path) -> Path | None:
    start = path if path.is_dir() else path.parent
    for folder in [start, *start.resolve().parents]:
        has_config = any((folder / name).is_file() for name in _CONFIG_NAMES)
        has_config = has_config or (folder / "config" / "_default").is_dir()
        if has_config and (folder == start or (folder / "content").is_dir()):
            return folder
    return None


def _read_config(root: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in _CONFIG_NAMES:
        if (root / name).is_file():
            values = _read_table(root / name)
            break
    folder = root / "config" / "_default"
    for file in sorted(folder.glob("*")) if folder.is_dir() else []:
        if file.suffix.lower() not in (".toml", ".yaml", ".yml", ".json"):
            continue
        table, stem = _read_table(file), file.stem.lower()
        if stem in ("hugo", "config"):
            values = _merged(values, table)
        elif re.fullmatch(r"(params|menus?|languages)\.\w+", stem):
            continue
        else:
            values = _merged(values, {stem: table})
    return values


def _read_table(path: Path) -> dict[str, Any]:
    text = path.read_text("utf-8")
    try:
        if path.suffix == ".toml":
            return read_toml(text, 1)
        if path.suffix == ".json":
            return dict(json.loads(text))
        return read_yaml(text, 1)
    except PostError as error:
        [finding] = error.findings
        raise Usage(f"{path}:{finding.line}: {finding.message}") from error
    except json.JSONDecodeError as error:
        raise Usage(f"{path}:{error.lineno}: {error.msg}") from error


def _merged(one: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(one)
    for key, value in other.items():
        both_tables = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = _merged(found[key], value) if both_tables else value
    return found


def _posts(start: Path, content: Path, site: HugoSite) -> Iterator[HugoPost]:
    """Find pages under a folder; bundles keep their resources, other formats and languages are refused."""
    bundles = {
        file.parent for file in start.rglob("index.*") if file.suffix.lower() in MARKDOWN | OTHER_CONTENT
    }
    for file in sorted(start.rglob("*")):
        if not file.is_file() or file.name.startswith("."):
            continue
        suffix = file.suffix.lower()
        inside = file.relative_to(content).as_posix()
        parents = [folder for folder in file.parents if folder in bundles]
        is_index = file.stem.split(".")[0] == "index"
        if parents and not (is_index and parents[0] == file.parent and len(parents) == 1):
            if suffix in MARKDOWN:
                site.left_out.append(f"{file}: inside a bundle, so it is a resource of that post and no page")
            continue
        if suffix in OTHER_CONTENT:
            reason = f"{suffix} is not Markdown; convert the post to Markdown first"
            site.findings.append(Finding(str(file), 1, reason))
            continue
        if suffix not in MARKDOWN:
            continue
        if file.stem.split(".")[0] == "_index":
            site.left_out.append(f"{file}: a section's own page; the blog makes its lists itself")
            continue
        if language := _other_language(file, inside, site.config):
            reason = f"written in {language!r}; this site holds one language, {site.config.language!r}"
            site.findings.append(Finding(str(file), 1, reason))
            continue
        inside = _without_language(inside, site.config)
        yield HugoPost(file, inside, is_index, _resources(file.parent, file) if is_index else ())


def _without_language(inside: str, config: Config) -> str:
    """Return a path without the language that a file's name may end with: `post.en.md` is `post.md`."""
    stem, suffix = posixpath.splitext(inside)
    name, dot, language = stem.rpartition(".")
    return name + suffix if dot and language.lower() in {*config.languages, config.language} else inside


def _other_language(file: Path, inside: str, config: Config) -> str | None:
    languages = set(config.languages)
    parts = file.stem.split(".")
    if len(parts) > 1 and parts[-1].lower() in languages and parts[-1].lower() != config.language:
        return parts[-1].lower()
    first = inside.split("/")[0].lower()
    own_folders = any(config.get("languages", name, "contentDir") for name in languages)
    if len(languages) > 1 and own_folders and first in languages and first != config.language:
        return first
    return None


def _resources(folder: Path, page: Path) -> tuple[Path, ...]:
    return tuple(
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and file != page
        and file.suffix.lower() not in MARKDOWN
        and not file.name.startswith(".")
    )
