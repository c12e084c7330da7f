"""`python -m benchmarks [NAME…] [--full]`: measure, print ratios, write benchmarks/results/*.json and
the tables that the page includes."""

import argparse
import importlib

from benchmarks.tables import write_tables

NAMES = ("epoch", "elbo", "build", "demo")


def main() -> None:
    """Measure what was named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument(
        "--full", action="store_true", help="whole epochs, and up to a thousand posts: an hour"
    )
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(NAMES)}")
    for name in options.names or NAMES:
        print(f"== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").measure(options.full)
    write_tables()


if __name__ == "__main__":
    main()
