"""Synthesises shards of sounds: OUT/PREFIX_NN_{audio,mels,labels}.npy (audio on request)."""

import argparse
import os

import numpy as np
import torch

import mel
import scenes

# The judge sees none of the model's sounds.
SEEDS = {"train": 77, "judge": 99, "check": 111}


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("prefix", choices=SEEDS)
    args.add_argument("--out", default="data")
    args.add_argument("--first", type=int, default=0)
    args.add_argument("--shards", type=int, default=10)
    args.add_argument("--per-shard", type=int, default=2000)
    args.add_argument("--audio", action="store_true", help="keep the waveforms: 16 bit")
    args.add_argument("--part", type=int, default=0)
    args.add_argument("--parts", type=int, default=1)
    args = args.parse_args()
    torch.set_num_threads(1)
    os.makedirs(args.out, exist_ok=True)
    for shard in range(args.first + args.part, args.shards, args.parts):
        rng = np.random.default_rng([SEEDS[args.prefix], shard])
        labels, mels, audio = [], [], []
        for _ in range(args.per_shard):
            labels.append(scenes.sample(rng))
            # As a file of 16 bit would hold it.
            x = np.round(scenes.render(rng, labels[-1]) * 32767).astype(np.int16)
            mels.append(mel.log_mel(torch.from_numpy(x / np.float32(32767))[None])[0].half())
            audio += [x] if args.audio else []
        name = f"{args.out}/{args.prefix}_{shard:02d}"
        np.save(f"{name}_labels.npy", np.array(labels))
        if args.audio:
            np.save(f"{name}_audio.npy", np.array(audio))
        np.save(f"{name}_partial.npy", torch.stack(mels).numpy())
        os.replace(f"{name}_partial.npy", f"{name}_mels.npy")
        print(name, flush=True)


if __name__ == "__main__":
    main()
