"""Print the licence of every package that is installed here; one that states none is an error, by name."""

import sys
from importlib.metadata import Distribution, distributions


def licence(package: Distribution) -> str | None:
    """What the package says of its licence: the expression, else the classifiers, else the first line."""
    meta = package.metadata
    if expression := meta.get("License-Expression"):
        return expression
    classifiers = [c.rpartition(" :: ")[2] for c in meta.get_all("Classifier", []) if c.startswith("License")]
    if classifiers := [c for c in classifiers if c != "OSI Approved"]:
        return " AND ".join(classifiers)
    if text := (meta.get("License") or "").strip():
        return text.splitlines()[0]
    return next((f"see {file}" for file in meta.get_all("License-File", [])), None)


if __name__ == "__main__":
    unstated = []
    for package in sorted(distributions(), key=lambda package: package.metadata["Name"].lower()):
        stated = licence(package)
        print(f"{package.metadata['Name']:<32} {package.version:<16} {stated or 'NOT STATED'}")
        if stated is None:
            unstated.append(package.metadata["Name"])
    if unstated:
        sys.exit(f"no licence stated by: {', '.join(unstated)}")
