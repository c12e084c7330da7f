"""Say what an address on a page of Hugo's leads to, and what stands for it here.

On both sides an address is a place: a page, a file of the site, something outside, or nothing that there is.
"""

import hashlib
import posixpath
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, quote, unquote, urlsplit

from blog_code.hugo.pages import Page, SiteFacts
from blog_code.hugo.problems import listed
from blog_code.hugo.scratch import Scratch

MARKDOWN = listed(".md .markdown .mdown .mkd .mkdn .mkdown")
# What may be copied: nothing that a browser runs, nothing that MkDocs reads as a page or as configuration.
COPIED = listed(
    ".png .jpg .jpeg .jfif .gif .webp .avif .svg .ico .bmp .tif .tiff .mp4 .webm .mov .mp3 .ogg .oga .wav "
    ".flac .m4a .vtt .pdf .csv .tsv .txt .json .ipynb .zip .gz .tgz .bz2 .xz .7z .npz .npy .parquet .bib "
    ".tex .c .h .cpp .cu .go .rs .java .py .r .jl .sh .sql .toml .log .epub .docx .xlsx .pptx .ppt .doc "
    ".xls .odt .stl .woff .woff2"
)
_RESIZED = re.compile(r"_hu_?[0-9a-f]{8,}(?:_[\w]+)*(\.\w+)$")

Kind = Literal["page", "file", "out", "dead", "here"]


@dataclass(frozen=True)
class Place:
    """What an address leads to."""

    kind: Kind
    what: str = ""  # the key of a page, the path of a file, an address
    fragment: str = ""

    def __str__(self) -> str:
        return f"{self.kind}|{self.what}|{self.fragment}"


@dataclass
class Addresses:
    """Holds every page and file of a site by its address, and where pages stand here."""

    base: str  # of the old site, or empty
    urls: dict[str, str] = field(default_factory=dict)  # an address of the old site to the key of a page
    files: dict[str, str] = field(default_factory=dict)  # and to a file of the site
    places: dict[str, tuple[str, str]] = field(
        default_factory=dict
    )  # key of a page: its old address, its doc
    bundles: dict[str, str] = field(default_factory=dict)  # folder of a leaf bundle to the doc of its page
    docs: dict[str, str] = field(default_factory=dict)  # a doc to the key of its page
    standing: frozenset[str] = frozenset()  # docs that are there already
    names: dict[str, str] = field(default_factory=dict)  # a file of the site to its name in docs
    ids: dict[str, set[str]] = field(default_factory=dict)  # key of a page: what a link to it may lead to
    wanted: set[str] = field(default_factory=set)  # files that a page shows or links to
    _by_name: dict[str, str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    @property
    def host(self) -> str:
        return urlsplit(self.base).netloc

    @property
    def root(self) -> str:
        """The address of the old host, without a path."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""

    def place(self, address: str, page: Page) -> Place:
        """Say what an address leads to that stands on a page of Hugo's."""
        address = (address or "").strip()
        parts = _split(address)
        if address.startswith("data:") and data_suffix(address):
            return Place("file", address)
        if parts is None or parts.scheme not in ("", "http", "https") or parts.netloc not in ("", self.host):
            return Place("out", unquote(address))
        if not parts.path and not parts.netloc and not parts.query:
            return Place("here", "", self._known(page.key, unquote(parts.fragment)))
        path = parts.path or "/"
        path = posixpath.normpath(path if parts.netloc else posixpath.join(page.url, path))
        fragment = unquote(parts.fragment)
        for name in self._names(path):
            if name in self.urls and not parts.query:
                key = self.urls[name]
                fragment = self._known(key, fragment)
                return (
                    Place("here", "", fragment)
                    if key == page.key and fragment
                    else Place("page", key, fragment)
                )
            if name in self.files:
                return Place("file", self.files[name])
            original = _RESIZED.sub(r"\1", name)
            if original in self.files:
                return Place("file", self.files[original])
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(page.file), unquote(parts.path)))
        if beside in self.names and not parts.netloc:
            return Place("file", beside)
        standing = f"posts/{slugged(posixpath.basename(path).removesuffix('.md'))}.md"
        if standing in self.standing and not self.root:
            return Place("page", standing, fragment)
        return Place("dead", unquote(path) + (f"?{parts.query}" if parts.query else ""), fragment)

    def _known(self, key: str, fragment: str) -> str:
        """Return a fragment if there is one of its name on the page; a link to another leads to its top."""
        return fragment if fragment in self.ids.get(key, {fragment}) else ""

    def _names(self, path: str) -> list[str]:
        """Return the names under which a page or a file of the old site may be known."""
        plain = normal(path)
        short = re.sub(r"/(?:_?index\.(?:html|md))$|\.(?:html|md)$", "", plain) or "/"
        base = urlsplit(self.base).path.rstrip("/")
        return [plain, short, normal(base + plain), normal(base + short)]

    def place_here(self, address: str, page: Page) -> Place:
        """Say what an address leads to that stands on a page of ours, in Markdown or in HTML."""
        address = (address or "").strip()
        parts = _split(address)
        if parts is None or parts.scheme or parts.netloc:
            return self.place(address, page)
        if not parts.path and not parts.query:
            return Place("here", "", unquote(parts.fragment))
        fragment, path = unquote(parts.fragment), unquote(parts.path)
        file = posixpath.normpath(posixpath.join(posixpath.dirname(page.doc), path))
        built = posixpath.normpath(posixpath.join(page.address, path)).lstrip("/")
        for doc in (file, f"{built}.md"):
            if doc in self.docs or doc in self.standing:
                return Place("page", self.docs.get(doc, doc), fragment)
        for name in (file, built):
            if name in self._by_name:
                return Place("file", self._by_name[name])
        return Place("dead", path, fragment)

    def write(self, place: Place, page: Page, *, raw: bool = False) -> str:
        """Return the address for a place: relative to the page's file, or in HTML to its own address."""
        fragment = f"#{quote(place.fragment, safe="/:@!$&'()*+,;=?-._~")}" if place.fragment else ""
        if place.kind == "here":
            return fragment or "#"
        if place.kind == "out":
            return place.what.replace(" ", "%20").replace("\\", "%5C")
        if place.kind == "file" and (name := self._copied(place.what, page)):
            here, there = (
                (page.address, f"/{published(name)}") if raw else (posixpath.dirname(page.doc), name)
            )
            return quote(posixpath.relpath(there, here), safe="/")
        if place.kind == "page":
            old, doc = self.places.get(place.what, ("", place.what))
            if doc and raw:
                return (
                    quote(posixpath.relpath(f"/{doc.removesuffix('.md')}", page.address), safe="/")
                    + "/"
                    + fragment
                )
            if doc:
                return quote(posixpath.relpath(doc, posixpath.dirname(page.doc)), safe="/") + fragment
            return self.root + quote(unquote(old), safe="/") + fragment
        return f"{self.root}{quote(place.what, safe='/?=&%')}{fragment}" if place.kind == "dead" else ""

    def leads(self, place: Place) -> bool:
        """Whether anything stands for a place here, or on the old site."""
        if place.kind == "page":
            return bool(self.places.get(place.what, ("", place.what))[1] or self.root)
        return place.kind in ("out", "here", "file") or bool(self.root)

    def is_here(self, place: Place) -> bool:
        """Whether a place is a file that comes in."""
        return place.kind == "file"

    def _copied(self, file: str, page: Page) -> str:
        """Return the name in docs of a file, which is wanted from now on."""
        if file.startswith("data:"):
            digest = hashlib.sha256(file.encode()).hexdigest()[:12]
            self.keep_name(file, f"{page.doc.removesuffix('.md')}/picture-{digest}{data_suffix(file)}")
        self.wanted.add(file)
        return self.names[file]

    def name_files(self) -> None:
        """Give every file its name in docs: beside its post where it lies in a bundle."""
        for file in sorted(set(self.files.values())):
            name = self._name(file)
            stem, dot, suffix = name.rpartition(".")
            names = (name if number == 1 else f"{stem}-{number}{dot}{suffix}" for number in range(1, 10_000))
            self.keep_name(file, next(found for found in names if found.lower() not in self._taken))

    def keep_name(self, file: str, name: str) -> None:
        """Keep the name of a file, and the one that it is published under."""
        self.names[file] = name
        self._taken.add(name.lower())
        self._by_name |= {name: file, published(name): file}

    def _name(self, file: str) -> str:
        folder = posixpath.dirname(file)
        while folder:
            if doc := self.bundles.get(folder):
                return _tidy(f"{doc.removesuffix('.md')}/{posixpath.relpath(file, folder)}")
            folder = posixpath.dirname(folder)
        return _tidy(
            "files/"
            + re.sub(r"^(?:content|static|assets|(?:themes|_vendor)/.*?/(?:static|assets))/", "", file)
        )


def data_suffix(address: str) -> str:
    """Return the suffix of a picture that an address holds, or nothing where it holds none."""
    found = re.match(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s%]+$", address)
    return f".{found[1]}".replace("jpeg", "jpg") if found else ""


def _tidy(name: str) -> str:
    """Return a name of a file that neither MkDocs nor Markdown reads anything into."""
    parts = [
        re.sub(r"[^\w.,+=@~ -]+", "-", part).lstrip(".-_ ").rstrip(" .") or "file" for part in name.split("/")
    ]
    return "/".join(part[-120:] for part in parts)


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def normal(path: str) -> str:
    """Return a path as addresses are compared: neither case nor a slash at its end counts."""
    return unquote(path).rstrip("/").lower() or "/"


def published(name: str) -> str:
    """Return where a file of docs is published: the blog plugin takes `posts` out of its address."""
    return posixpath.normpath(name.replace("posts", ".")) if name.startswith("posts") else name


def slugged(text: str) -> str:
    """Return a name as the site takes it for a post's: a-z, 0-9 and single hyphens, no accents."""
    text = (
        text.casefold()
        .replace("ß", "ss")
        .replace("ø", "o")
        .replace("ł", "l")
        .replace("æ", "ae")
        .replace("œ", "oe")
    )
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:100].strip("-")


def name_pages(pages: Iterable[Page]) -> None:
    """Give each page that comes in its name: a post if it has a date, else a page of the site."""
    pages = sorted(pages, key=lambda page: (page.section not in ("posts", "post", "blog"), page.path))
    by_name: dict[str, list[Page]] = {}
    for page in pages:
        folder = "posts" if page.is_post else "pages"
        name = (
            "home"
            if page.path == "/"
            else slugged(page.slug or unquote(posixpath.basename(page.path.rstrip("/"))))
        )
        by_name.setdefault(f"{folder}/{name or _from_date(page)}", []).append(page)
    taken = {name for name, same in by_name.items() if len(same) == 1 or not name.endswith("/index")}
    for name, same in by_name.items():
        for number, page in enumerate(same):
            clear = name if not number and name not in ("posts/index", "pages/index") else ""
            page.doc = f"{clear or _longer(name, page, taken)}.md"
            taken.add(page.doc.removesuffix(".md"))


def _longer(name: str, page: Page, taken: set[str]) -> str:
    """Return a name that holds the folders of a page too, and a number where even that is taken."""
    folder = name.partition("/")[0]
    longer = f"{folder}/{slugged(unquote(page.path)) or _from_date(page)}"
    names = (longer if number == 1 else f"{longer}-{number}" for number in range(1, 10_000))
    return next(found for found in names if found not in taken and not found.endswith("/index"))


def _from_date(page: Page) -> str:
    """Return a name for a page whose own has no letter that an address can have."""
    return slugged(f"{page.section}-{page.date[:10]}") or "page"


def collect(
    pages: list[Page], coming: list[Page], site: SiteFacts, scratch: Scratch, standing: frozenset[str]
) -> Addresses:
    """Collect every address of a site; those who come in have their docs already."""
    base = site.base if scratch.source.is_site and "example." not in urlsplit(site.base).netloc else ""
    found = Addresses(base if _split(base) else "", standing=standing)
    for page in pages:
        found.urls.setdefault(normal(page.url), page.key)
        found.places[page.key] = (page.url, page.doc)
        if page.file and page.lang == site.lang:
            found.urls.setdefault(normal("/" + page.file.removeprefix("content/")), page.key)
    for page in coming:
        found.docs[page.doc] = page.key
        found.ids[page.key] = set(re.findall(r"""\s(?:id|name)=["']?([^"'\s>]+)""", page.content or ""))
        if page.bundle == "leaf":
            found.bundles[posixpath.dirname(page.file)] = page.doc
    files = _Files(found, scratch, urlsplit(base).path.rstrip("/"))
    for page in pages:
        files.of_page(page)
    files.of_folders()
    found.name_files()
    return found


@dataclass
class _Files:
    """Collects the files of a site that may be copied, by their addresses."""

    addresses: Addresses
    scratch: Scratch
    base: str

    def of_page(self, page: Page) -> None:
        folder = posixpath.dirname(page.file)
        for resource in page.resources:
            tail = unquote(resource["url"]).removeprefix(unquote(page.url))
            for name in (resource["name"], tail, posixpath.basename(tail)):
                if page.file and self._keep(resource["url"], posixpath.join(folder, name)):
                    break

    def of_folders(self) -> None:
        """Collect static files, pictures beside posts, and what templates published of assets."""
        root = self.scratch.source.root
        for folder in self.scratch.static:
            for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
                if path.is_file() and path.is_relative_to(root):
                    self._keep(
                        f"{self.base}/{path.relative_to(folder).as_posix()}",
                        path.relative_to(root).as_posix(),
                    )
        for content in self.scratch.content:
            for path in sorted((self.scratch.folder / content).rglob("*")):
                if path.is_file() and path.suffix.lower() not in MARKDOWN:
                    name = path.relative_to(self.scratch.folder / content).as_posix()
                    self._keep(f"{self.base}/{name}", f"{content}/{name}")
        out = self.scratch.folder / ".out"
        assets = [
            self.scratch.folder / "assets",
            *self.scratch.folder.glob("themes/*/assets"),
            *self.scratch.folder.glob("_vendor/**/assets"),
        ]
        for path in sorted(out.rglob("*")):
            name = _RESIZED.sub(r"\1", path.relative_to(out).as_posix())
            for folder in assets:
                if path.is_file() and (folder / name).is_file():
                    self._keep(
                        f"{self.base}/{name}", (folder / name).relative_to(self.scratch.folder).as_posix()
                    )

    def _keep(self, address: str, file: str) -> bool:
        """Keep a file that lies, resolved, in the site, and is of a kind that may be copied."""
        file = posixpath.normpath(file)
        if may_copy(self.scratch, file):
            self.addresses.files.setdefault(normal(address), file)
            return True
        return False


def may_copy(scratch: Scratch, file: str) -> bool:
    """Whether a file of the site may be copied into docs."""
    if (
        file.startswith(("..", "/"))
        or Path(file).suffix.lower() not in COPIED
        or posixpath.basename(file).startswith(".")
    ):
        return False
    path, root = scratch.origin(file), scratch.source.root
    return path.resolve().is_relative_to(root) and path.is_file() and not scratch.picture_problem(path)
