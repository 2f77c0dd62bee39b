"""The judge: a small convolutional network that reads from a log-mel what one hears.

train: fits on sounds that the generator never saw; accuracy: on others. Of two sounds at once the
foreground is the first.
"""

import argparse
import glob
import os
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

import group_norm
import loop
from kinds import NAMES
from team import Team

HEADS = {"arrangement": 3, "kind0": len(NAMES), "kind1": len(NAMES), "pitch0": 2, "pitch1": 2,
         "tempo0": 2, "tempo1": 2, "direction0": 2, "direction1": 2, "level": 2, "space": 2}


def targets(labels):
    """[n] class indices by head; -1 where a sound has no such trait."""
    pairs = ("kind", "pitch", "tempo", "direction")
    found = {f"{k}{i}": labels[k][:, i] for k in pairs for i in (0, 1)}
    found.update({k: labels[k] for k in ("arrangement", "level", "space")})
    return {k: torch.from_numpy(found[k].astype(np.int64)) for k in HEADS}


def conv(inputs, outputs, kernel, stride):
    padding = [(k - s + 1) // 2 for k, s in zip(kernel, stride)]
    return torch.nn.Sequential(torch.nn.Conv2d(inputs, outputs, kernel, stride, padding),
                               torch.nn.GroupNorm(8, outputs))


class Block(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1, self.conv2 = (conv(c, c, (3, 3), (1, 1)) for _ in range(2))

    def forward(self, x):
        return F.relu(x + self.conv2(F.relu(self.conv1(x))))


class Judge(torch.nn.Module):
    def __init__(self):
        super().__init__()
        layers, c = [], 1
        for width, kernel, stride in ((32, (8, 6), (4, 2)), (48, (4, 4), (2, 2)),
                                      (96, (4, 4), (2, 2)), (128, (3, 4), (1, 2))):
            layers += [conv(c, width, kernel, stride), torch.nn.ReLU()]
            layers += [Block(width)] if c > 1 else []
            c = width
        self.trunk = torch.nn.Sequential(*layers)
        self.squeeze = torch.nn.Linear(c * 4, 192)
        self.hidden = torch.nn.Linear(192 * 6, 384)
        self.heads = torch.nn.ModuleDict({k: torch.nn.Linear(384, n) for k, n in HEADS.items()})

    def forward(self, mels):
        """[n, 1, frames, 64] log-mels."""
        x = self.trunk((mels + 5) / 4)                       # [n, c, t, 4]
        x = F.relu(self.squeeze(x.permute(0, 2, 1, 3).flatten(2)))
        parts = [x, *x.chunk(2, 1)]                          # the whole, and either half
        x = torch.cat([p.mean(1) for p in parts] + [p.amax(1) for p in parts], 1)
        h = F.dropout(F.relu(self.hidden(x)), .2, self.training)
        return {k: head(h) for k, head in self.heads.items()}


def load(prefix, folder):
    names = sorted(glob.glob(f"{folder}/{prefix}_*_mels.npy"))
    return (np.concatenate([np.load(n) for n in names]),
            np.concatenate([np.load(n.replace("mels", "labels")) for n in names]))


def augment(mels, rng):
    """What a generator's spectrograms differ by: shifts, a floor of noise, blur."""
    x = F.pad(mels, (0, 0, 8, 8), mode="replicate")
    at = rng.integers(0, 17)
    x = x[:, :, at:at + mels.shape[2]]
    if rng.random() < .6:
        floor = torch.from_numpy(rng.uniform(-11.5, -7, (len(x), 1, 1, 1))).float()
        x = torch.logaddexp(x, floor + .5 * torch.randn_like(x))
    if rng.random() < .5:
        blurred = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        x = torch.lerp(x, blurred, rng.uniform(0, 1))
    if rng.random() < .3:
        x = x + torch.randn_like(x) * rng.uniform(.05, .4)
    return x.contiguous(memory_format=torch.channels_last)


def loss_of(out, wanted):
    return sum(F.cross_entropy(out[k].float(), wanted[k], ignore_index=-1)
               for k in HEADS if (wanted[k] >= 0).any())


def work(args, team, rank):
    torch.manual_seed(args.seed * 64 + rank + args.seen)
    rng = np.random.default_rng([args.seed, rank, args.seen])
    mels, labels = load("judge", args.data)
    table = targets(labels)
    team.model.train()

    def loss(done):
        index = rng.integers(0, len(mels), args.batch)
        x = augment(torch.from_numpy(mels[index])[:, None].float(), rng)
        with torch.autocast("cpu", torch.bfloat16):
            out = team.model(x)
        found = loss_of(out, {k: v[index] for k, v in table.items()})
        return found, found

    def save():
        loop.store(team.average.state_dict(), args.out)

    loop.train(team, rank, loop.Budget(args.minutes, samples=args.samples, seen=args.seen),
               args.batch, loop.cosine(args.rate, 100), loss, save)


def train(args):
    torch.manual_seed(args.seed)
    model = read(args.resume) if args.resume else Judge()
    model = group_norm.install(model).to(memory_format=torch.channels_last)
    team = Team(model, args.processes, lambda name, p: p.ndim > 1 and name[:5] != "heads")
    team.run(partial(work, args, team))


def read(path):
    model = Judge()
    model.load_state_dict(torch.load(path))
    return model.to(memory_format=torch.channels_last).eval()


def judge(model, mels):
    """Class indices by head for [n, frames, 64] log-mels."""
    parts = []
    with torch.no_grad():
        for i in range(0, len(mels), 50):
            x = torch.from_numpy(np.asarray(mels[i:i + 50]))[:, None].float()
            parts.append({k: v.argmax(1) for k, v in model(x).items()})
    return {k: torch.cat([p[k] for p in parts]) for k in HEADS}


def accuracy(args):
    torch.set_num_threads(1)
    mels, labels = load("check", args.data)
    found, table = judge(read(args.out), mels), targets(labels)
    right = {k: found[k] == table[k] for k in HEADS}
    for k in HEADS:
        known = table[k] >= 0
        print(f"{k:12} {right[k][known].float().mean() * 100:.2f} % of {int(known.sum())}")
    two = table["arrangement"] > 0
    kinds = right["kind0"] & (right["kind1"] | ~two)
    for name, some in (("single", ~two), ("sequence", table["arrangement"] == 1),
                       ("together", table["arrangement"] == 2)):
        print(f"{name}: every kind {kinds[some].float().mean() * 100:.2f} % of {int(some.sum())}")
    worst = [(right["kind0"][table["kind0"] == i].float().mean().item(), n)
             for i, n in enumerate(NAMES)]
    print("hardest:", ", ".join(f"{n} {100 * a:.0f}" for a, n in sorted(worst)[:6]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["train", "accuracy"])
    parser.add_argument("--data", default="data")
    parser.add_argument("--out", default="judge.pt")
    parser.add_argument("--resume", default="", help="judge.pt to go on from")
    parser.add_argument("--seen", type=int, default=0, help="the sounds that it has seen")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--samples", type=int, default=120000, help="sounds to see, with repeats")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    {"train": train, "accuracy": accuracy}[arguments.what](arguments)
