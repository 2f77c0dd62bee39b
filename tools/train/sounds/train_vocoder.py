"""Trains the vocoder on crops of synthesised sounds: by their spectra, then judged as well."""

import argparse
import glob
import os
from functools import partial

import numpy as np
import torch

import checkpoint
import loop
import mel
import vocoder
from team import Team


class Crops:
    """Log-mels and the samples that they came from. kind: "mels", or "decoded" for those that the
    autoencoder makes of them, which is what the vocoder is to read."""

    def __init__(self, folder, kind):
        names = sorted(glob.glob(f"{folder}/train_*_audio.npy"))
        self.shards = [(np.load(n, mmap_mode="r"), np.load(n.replace("audio", kind), mmap_mode="r"))
                       for n in names]

    def batch(self, rng, count, frames):
        mels, audio = [], []
        for _ in range(count):
            sounds, spectra = self.shards[rng.integers(len(self.shards))]
            i = rng.integers(len(sounds))
            # The louder of two places: there is much silence.
            places = rng.integers(0, spectra.shape[1] - frames + 1, 2)
            at = max(places, key=lambda p: spectra[i, p:p + frames].max())
            mels.append(spectra[i, at:at + frames])
            audio.append(sounds[i, at * mel.HOP:(at + frames) * mel.HOP])
        return (torch.from_numpy(np.stack(mels)).float(),
                torch.from_numpy(np.stack(audio)).float() / 32767)


def work(args, team, crops, seen, rank):
    torch.manual_seed(args.seed * 64 + rank)
    rng = np.random.default_rng([args.seed, rank, seen])
    budget = loop.Budget(args.minutes, samples=args.samples, seen=seen)

    def loss(done):
        mels, wanted = crops.batch(rng, args.batch, args.frames)
        with torch.autocast("cpu", torch.bfloat16):
            found = team.model["vocoder"](mels)
        found = found.float()
        distance = vocoder.stft_distance(found, wanted)
        total = distance + .5 * (mel.log_mel(found) - mel.log_mel(wanted)).abs().mean()
        if done >= args.judged:
            mine, theirs = vocoder.judged(team.model["discriminators"], found, wanted)
            total = total + .5 * mine + theirs
        return total, distance

    def save():
        loop.store({"config": vocoder.CONFIG, "seen": budget.seen,
                    "weights": team.average["vocoder"].state_dict(),
                    "discriminators": team.average["discriminators"].state_dict()}, args.out)

    loop.train(team, rank, budget, args.batch, loop.cosine(args.rate, 200, 1e-6), loss, save)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--data", default="data")
    args.add_argument("--mels", default="mels", help="mels or decoded")
    args.add_argument("--out", default="vocoder.pt")
    args.add_argument("--resume", default="", help="vocoder.pt or an exported folder to go on from")
    args.add_argument("--seen", type=int, default=0, help="the crops that a folder has seen")
    args.add_argument("--minutes", type=float, default=60)
    args.add_argument("--samples", type=int, default=100000, help="crops of the whole training")
    args.add_argument("--judged", type=float, default=.4, help="when the discriminators begin")
    args.add_argument("--batch", type=int, default=12)
    args.add_argument("--frames", type=int, default=48)
    args.add_argument("--rate", type=float, default=1e-3)
    args.add_argument("--seed", type=int, default=0)
    args.add_argument("--processes", type=int, default=os.cpu_count())
    args = args.parse_args()
    torch.manual_seed(args.seed)
    model = torch.nn.ModuleDict({"vocoder": vocoder.make_vocoder(),
                                 "discriminators": vocoder.Discriminators()})
    stored = {"seen": args.seen}
    if args.resume:
        stored.update(checkpoint.read_vocoder(args.resume))
        model["vocoder"].load_state_dict(stored["weights"])
    if "discriminators" in stored:   # a folder has none
        model["discriminators"].load_state_dict(stored["discriminators"])
    # Adam for all: Muon is slower here, as nothing normalises what the layers make.
    team = Team(model, args.processes, lambda name, p: False)
    team.run(partial(work, args, team, Crops(args.data, args.mels), stored["seen"]))


if __name__ == "__main__":
    main()
