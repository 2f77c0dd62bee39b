"""Renders shards of labelled scenes: DIR/NAME-00000.npz holds images [n,128,128,3] and labels."""

import argparse
from pathlib import Path

import numpy as np

import world


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--name", default="train")
    args.add_argument("--first", type=int, default=0, help="the first shard")
    args.add_argument("--stride", type=int, default=1, help="how many processes share the work")
    args.add_argument("--shards", type=int, default=40, help="shards in all")
    args.add_argument("--size", type=int, default=1000, help="pictures in a shard")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--pairs", type=float, default=.45, help="share of scenes with two objects")
    args.add_argument("--held-out", type=float, default=0, help="share of held-out pairs")
    args = args.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    renderer = world.Renderer()
    for shard in range(args.first, args.shards, args.stride):
        rng = np.random.default_rng([args.seed, shard])
        drawn = [renderer.sample(rng, rng.random() < args.held_out, args.pairs)
                 for _ in range(args.size)]
        images = renderer.render(np.array([scene for scene, _ in drawn]))
        path = args.out / f"{args.name}-{shard:05d}.npz"
        partial = path.with_suffix(".partial")
        with open(partial, "wb") as file:
            np.savez(file, images=images, labels=np.array([label for _, label in drawn]))
        partial.rename(path)


if __name__ == "__main__":
    main()
