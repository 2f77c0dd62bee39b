"""Renders shards of pictures: OUT/PREFIX_NN_{images,labels,coverage}.npy."""

import argparse
import os

import numpy as np

import world

# The classifier sees none of the model's pictures.
SEEDS = {"train": 77, "judge": 99, "check": 111}


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("prefix", choices=SEEDS)
    args.add_argument("--out", default="data")
    args.add_argument("--shards", type=int, default=10)
    args.add_argument("--size", type=int, default=world.SIZE)
    args.add_argument("--per-shard", type=int, default=4000)
    args.add_argument("--part", type=int, default=0)
    args.add_argument("--parts", type=int, default=1)
    args = args.parse_args()
    os.makedirs(args.out, exist_ok=True)
    renderer = world.Renderer()
    for shard in range(args.part, args.shards, args.parts):
        rng = np.random.default_rng([SEEDS[args.prefix], shard])
        # The judge must know every pair, those that the model never saw included.
        held_out = [args.prefix != "train" and rng.random() < .15 for _ in range(args.per_shard)]
        scenes = [renderer.sample(rng, held_out=h) for h in held_out]
        rows = np.array([s for s, _ in scenes])
        images = renderer.render(rows, args.size)
        name = f"{args.out}/{args.prefix}_{shard:02d}"
        np.save(f"{name}_coverage.npy", renderer.coverage(rows))
        np.save(f"{name}_labels.npy", np.array([label for _, label in scenes]))
        np.save(f"{name}_partial.npy", images)
        os.replace(f"{name}_partial.npy", f"{name}_images.npy")
        print(name, flush=True)


if __name__ == "__main__":
    main()
