"""Splats of the default model's world judged from all sides by classifier.py.

FOLDER holds contact sheets named by colour and shape ("red car.png"), of 24 views of 128 x 128:
    kiln splat "a red car" -o "red car.ply"
    kiln convert "red car.ply" -o "red car.png" --size 128 --radius .51 --background silver
which is as the shape was seen while it was made: the classifier goes by size. The word for a view
is the nearest of front, side (either) and back.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import classifier
import world

VIEWS, SIZE = 24, 128


def views(path):
    sheet = np.asarray(Image.open(path).convert("RGB"))
    rows, columns = sheet.shape[0] // SIZE, sheet.shape[1] // SIZE
    tiles = sheet.reshape(rows, SIZE, columns, SIZE, 3).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(tiles.reshape(-1, SIZE, SIZE, 3)[:VIEWS])


def word(azimuth):
    away = abs((azimuth + 180) % 360 - 180)
    return "front" if away <= 45 else "back" if away >= 135 else "side"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--classifier", default="classifier.pt")
    args = parser.parse_args()
    model = classifier.read(args.classifier)
    wanted = np.array([world.VIEWS.index(word(360 * i / VIEWS)) for i in range(VIEWS)])
    totals = []
    print("| shape | shape and colour | shape | colour | view word | front, side, back |")
    print("| --- | --- | --- | --- | --- | --- |")
    for path in sorted(args.folder.glob("*.png")):
        colour, shape = path.stem.split()[:2]
        found = {k: v.numpy() for k, v in classifier.judge(model, views(path)).items()}
        shapes = found["shape0"] == world.SHAPES.index(shape)
        colours = found["colour0"] == world.COLOUR_NAMES.index(colour)
        words = found["view"] == wanted
        row = [(shapes & colours).mean(), shapes.mean(), colours.mean(), words.mean()]
        each = ", ".join(f"{100 * words[wanted == v].mean():.0f}" for v in range(3))
        totals.append(row)
        print(f"| {path.stem} | " + " | ".join(f"{100 * x:.0f} %" for x in row) + f" | {each} |")
    if totals:
        mean = np.mean(totals, axis=0)
        print("| all | " + " | ".join(f"{100 * x:.0f} %" for x in mean) + " | |")


if __name__ == "__main__":
    main()
