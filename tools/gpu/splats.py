#!/usr/bin/env python3
"""What `kiln bench splat --json` measured as a table in Markdown.

    kiln bench splat --json > FILE; python3 splats.py [--cores N] FILE...

Of several files, and of rows that are there again, the best times count. --cores: what all threads
worked, divided by so many, stands for the time of the clock: for CPU drivers on machines that
others use too.
"""

import argparse
import json

PASSES = {"forward": "forward", "backward": "backward", "backward by atomics": "by atomics"}


def best_of(rows):
    """The fastest row of each pass at each size, in the order in which they came."""
    best = {}
    for row in rows:
        what, _, size = row["case"].partition(", ")
        if row["bench"] == "splat" and what in PASSES:
            passes = best.setdefault(size, {})
            if what not in passes or row["ms"] < passes[what]["ms"]:
                passes[what] = row
    return best


def table(rows, cores=0):
    """Milliseconds, frames and million splats a second and the share of the copy bandwidth."""
    if cores:
        rows = [spread_over(cores, row) for row in rows if "cpu_ms" in row]
    yield "| splats, pixels | pairs | pass | ms | frames/s | M splats/s | of copying | sums, MB |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for size, passes in best_of(rows).items():
        for what, row in passes.items():
            sums = f"{row['sums'] / 1e6:.1f}" if "sums" in row else ""
            yield (f"| {size.replace(' splats', ',')} | {row['pairs']} | {PASSES[what]} | "
                   f"{row['ms']:.2f} | {row['frames']:.1f} | {row['splats']:.2f} | "
                   f"{100 * row['share']:.1f} % | {sums} |")


def spread_over(cores, row):
    ms = row["cpu_ms"] / cores
    rates = {what: row[what] * row["ms"] / ms for what in ("frames", "splats", "share")}
    return dict(row, ms=ms, **rates)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--cores", type=int, default=0)
    o = parser.parse_args()
    lines = [line for path in o.files for line in open(path, encoding="utf-8")]
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    peaks = [f"{row['case']} {row['gbs']:.0f} GB/s" for row in rows if row.get("case") == "copy"]
    print(f"{rows[0]['device']}: {', '.join(peaks)}\n")
    print("\n".join(table(rows, o.cores)))


if __name__ == "__main__":
    main()
