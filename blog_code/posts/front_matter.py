"""Read the front matter of a post: its keys, what each may hold, and on which line it stands."""

import datetime
import re
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError, model_validator

from blog_code.errors import Finding, PostError

Day = InstanceOf[datetime.date]  # or a moment
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
Tags = list[Annotated[str, Field(pattern=r"^\S.*$")]]
Variable = Annotated[str, Field(pattern=r"^[^\W\d]\w*$")]
Seconds = Annotated[float, Field(gt=0, lt=1e9)]
type Lines = dict[tuple[str, ...], int]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Takes 1e-5 for the number that it is in YAML 1.2, and in Python."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


class Declared(BaseModel):
    """What a value of the run is expected to be, and how the prose quotes it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    expected: bool | int | float | None = Field(None, alias="is", description="a timing needs none")
    within: float = Field(0, ge=0, description="how far from that it may be")
    format: str = Field("", description="as Python's format() has it: .1f, .0%")
    timing: bool = Field(False, description="true for what no two runs share")

    def __str__(self) -> str:
        return f"{self.expected} within {self.within:g}"

    @model_validator(mode="after")
    def _can_be_held(self) -> Self:
        if self.expected is None and not self.timing:
            raise ValueError("is what?")
        try:
            format(1, self.format)
        except ValueError:
            format(1.0, self.format)
        return self


class Timeout(BaseModel):
    """How long a run may take."""

    model_config = ConfigDict(extra="forbid", strict=True)
    cell: Seconds = 1200
    post: Seconds = 3600


def key(purpose: str, shape: str, default: Any) -> Any:
    """Describe a key: what it is for, which `blog help` prints, and its shape, which a finding says too."""
    return Field(default, title=purpose, description=shape)


def names(purpose: str) -> Any:
    """Describe a key that lists names."""
    return Field(default_factory=list, title=purpose, description="list of plain names")


DATE = "date, such as 2026-02-03"


class FrontMatter(BaseModel):
    """The keys of a post; others are left to the theme. Their descriptions are their manual."""

    model_config = ConfigDict(extra="allow", strict=True)
    title: str = key("of the page", "text", "")
    date: Day | None = key("when it was published; a later day holds it back until then", DATE, None)
    description: str = key("what a reader gets, in one sentence", "text", "")
    slug: str = key("as Hugo has it; has to be the name of the file", "text", "")
    author: str = key("who wrote it, if not the site's author", "text", "")
    updated: Day | None = key("when it was last changed", DATE, None)
    changes: dict[datetime.date, Any] = key(
        "what was changed after publication; the page lists it",
        "{DATE: SENTENCE}, a date as 2026-02-03",
        {},
    )
    draft: bool = key("checked, and not published", "true or false", False)
    executed: bool = key("false: the code is shown, never run", "true or false", True)
    tags: Tags = key("what it is about", "list of plain names", [])
    categories: Tags = key("where it belongs", "list of plain names", [])
    image: str = key("for cards; else the run's last picture", "path of a file in docs", "")
    requirements: list[Name] = names("packages that the editions install beside those that cells import")
    versions: list[Name] = names("packages that the line under the title names; else all that are imported")
    environment: list[Name] = names("variables that cells may see, from where blog is called")
    files: list[Name] = names("files that cells write into their working folder, and that the run keeps")
    data: dict[str, str] = key("checksums of the files that cells read", "{FILE: SHA-256}", {})
    quick: dict[Variable, bool | int | float | str] = key(
        "what parameters are in the quick profile", "{NAME: number or text}", {}
    )
    timeout: Timeout = key("how long a run may take", "{cell: SECONDS, post: SECONDS}", Timeout())
    values: dict[Variable, Declared] = key(
        "numbers of the run that the prose quotes, and what they are expected to be",
        "{NAME: {is: NUMBER, within: NUMBER, format: FORMAT}}",
        {},
    )


def split_front_matter(text: str, name: str) -> tuple[dict[str, Any], Lines, str, int]:
    """Split the post `name` into front matter, the lines of its keys, body and the body's first line."""
    parts = re.match(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", text, re.S | re.M)
    if not parts:
        fix = "begin with ---, title and date, and close with ---"
        raise PostError(Finding(name, 1, "front matter is missing or never closed", fix))
    try:
        loader = _Loader(parts[1])
        node = loader.get_single_node()
        meta = loader.construct_document(node) if node else None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise PostError(Finding(name, mark.line + 2 if mark else 1, f"front matter: {problem}")) from None
    if not isinstance(meta, dict):
        raise PostError(Finding(name, 1, f"front matter is a {type(meta).__name__}, not a mapping"))
    return meta, _lines(node), text[parts.end() :], text[: parts.end()].count("\n") + 1


def _lines(node: yaml.MappingNode) -> Lines:
    """Number the lines on which keys stand, and the keys of what is a mapping itself."""
    lines: Lines = {}
    for key, value in node.value:
        lines[key.value if isinstance(key.value, str) else "",] = key.start_mark.line + 2
        for inner, _ in value.value if isinstance(value, yaml.MappingNode) else ():
            lines[str(key.value), str(inner.value)] = inner.start_mark.line + 2
    return lines


def read_keys(raw: dict[str, Any]) -> tuple[FrontMatter, dict[tuple[str, ...], str]]:
    """Return the front matter without what is wrong in it, and what is wrong with which key."""
    kept = {key: value for key, value in raw.items() if isinstance(key, str) and value is not None}
    about = {key: field.description for key, field in FrontMatter.model_fields.items()}
    wrong: dict[tuple[str, ...], str] = {
        (key,): f"{key} is missing or no {about[key]}" for key in ("title", "date") if not kept.get(key)
    }
    while True:
        try:
            return FrontMatter.model_validate(kept), wrong
        except ValidationError as error:
            key, *inner = error.errors()[0]["loc"]
        if key == "values" and inner and inner[0] in kept["values"]:
            kept["values"] = {name: value for name, value in kept["values"].items() if name != inner[0]}
            shape = "{is: NUMBER, within: NUMBER, format: FORMAT}"
            wrong["values", str(inner[0])] = f"value {inner[0]} is no {shape}"
        else:
            del kept[str(key)]
            missing = "missing or " if key in {"title", "date"} else ""
            wrong[str(key),] = f"{key} is {missing}no {about[str(key)]}"
