"""Seconds of training until the test ELBO passes -90 and -87 nats, and to its end, from the accepted run.

Nothing is trained here: the run printed the test ELBO every few epochs, and its record holds the minutes of
training. So a time is known to within the epochs between two lines.
"""

import json
import re

from benchmarks.common import ROOT, table, write

RUN = ROOT / "docs" / "runs" / "flax-and-optax"
LINE = re.compile(r"epoch +(\d+) .*test ELBO +(-[\d.]+)")
THRESHOLDS = (-90.0, -87.0)


def passed(history: list[tuple[int, float]], threshold: float) -> int | None:
    """The first epoch whose test ELBO was told to be past the threshold; None where none was."""
    return next((epoch for epoch, elbo in history if elbo >= threshold), None)


def measure(full: bool) -> None:
    """Read the accepted run, whatever `full` is."""
    record = json.loads((RUN / "record.json").read_text(encoding="utf-8"))
    told = (RUN / "fit.txt").read_text(encoding="utf-8").replace("\u2212", "-")
    history = [(int(epoch), float(elbo)) for epoch, elbo in LINE.findall(told)]
    values = {**record["values"], **record["volatile"].get("timings", {})}
    if not history or "train_minutes" not in values:
        raise SystemExit(
            "the accepted run tells no ELBO by epoch or no train_minutes: blog run flax-and-optax"
        )
    epochs, final = history[-1]
    seconds = 60 * values["train_minutes"] / epochs
    rows = []
    for threshold in (*THRESHOLDS, final):
        epoch = passed(history, threshold)
        rows.append(
            {
                "elbo": f"{threshold:.2f}".replace("-", "\u2212"),
                "epoch": epoch or "not reached",
                "seconds": round(epoch * seconds) if epoch else "not reached",
            }
        )
    print(table(rows, list(rows[0])))
    write(
        "elbo",
        {
            "measured": record["volatile"]["finished"][:10],
            "device": record["volatile"]["host"] if record["device"] == "cpu" else record["device"],
            "versions": record["versions"],
            "how": f"{epochs} epochs on {record['data'].get('source', 'no data')}",
            "rows": rows,
        },
    )
