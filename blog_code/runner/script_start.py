"""Stands at the beginning of a script edition: where the script works, and what it says when it fails."""


def _begin(folder: str, paths: list[str], versions: dict[str, str]) -> None:
    """Work in a folder beside the script, so that all it leaves is there; name versions where it fails."""
    import importlib.metadata  # here, so that the cells import all that is theirs
    import os
    import sys

    for name in paths:
        if os.environ.get(name):  # given from where the script was called
            os.environ[name] = os.path.abspath(os.environ[name])
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), folder)
    os.makedirs(place, exist_ok=True)
    os.chdir(place)

    def failed(kind, error, trace):  # type: ignore[no-untyped-def]
        sys.__excepthook__(kind, error, trace)
        for name, version in versions.items():
            try:
                here = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                here = "none"
            if here != version:
                print(f"{name}: the run on the page had {version}, and here is {here}", file=sys.stderr)

    sys.excepthook = failed
    if "matplotlib" in versions:
        import matplotlib.pyplot

        matplotlib.use("agg")  # no windows: what is shown is saved
        matplotlib.pyplot.show = lambda *args, **kwargs: None


def _save_figures(cell: str) -> None:
    """Save what a cell has drawn, under its name."""
    import matplotlib.pyplot

    for number in matplotlib.pyplot.get_fignums():
        suffix = f"-{number}" if number > 1 else ""
        matplotlib.pyplot.figure(number).savefig(f"{cell}{suffix}.png")
    matplotlib.pyplot.close("all")
