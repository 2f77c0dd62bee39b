"""The judge: a residual network (He et al. Deep Residual Learning. 2016) that reads a scene.

Two objects are told apart by the relation in its canonical form: first is the left one, the upper
one or the nearer one. train: fits on renders that the generator never saw; accuracy: on others.
"""

import argparse
import glob
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

import world

HEADS = {"count": 2, "relation": 3, "shape0": 16, "colour0": 12, "shape1": 16, "colour1": 12,
         "material0": 3, "view": 4, "setting": 8}
CANONICAL = {"left": (0, False), "right": (0, True), "top": (1, False), "front": (2, False),
             "behind": (2, True)}


def targets(label):
    """Class indices by head; -1 where the picture does not say."""
    two, swap, relation = label["count"] == 2, False, -1
    if two:
        relation, swap = CANONICAL[world.RELATIONS[label["relation"]]]
    a, b = (1, 0) if swap else (0, 1)
    return {"count": int(two), "relation": relation, "shape0": label["shape"][a],
            "colour0": label["colour"][a], "shape1": label["shape"][b] if two else -1,
            "colour1": label["colour"][b] if two else -1, "material0": label["material"][a],
            "view": -1 if two else label["view"], "setting": label["setting"]}


class Block(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.conv2 = torch.nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.norm1, self.norm2 = torch.nn.BatchNorm2d(c), torch.nn.BatchNorm2d(c)

    def forward(self, x):
        return F.relu(x + self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))


class Classifier(torch.nn.Module):
    def __init__(self, widths=(24, 48, 96, 160)):
        super().__init__()
        layers, c = [], 3
        for i, width in enumerate(widths):
            layers += [torch.nn.Conv2d(c, width, 4 if i == 0 else 3, 2, 1, bias=False),
                       torch.nn.BatchNorm2d(width), torch.nn.ReLU()]
            layers += [Block(width)] if i else []
            c = width
        self.trunk = torch.nn.Sequential(*layers)
        self.squeeze = torch.nn.Conv2d(c, 48, 1)
        self.hidden = torch.nn.Linear(48 * 64, 384)
        self.heads = torch.nn.ModuleDict({k: torch.nn.Linear(384, n) for k, n in HEADS.items()})

    def forward(self, x):
        h = F.relu(self.squeeze(self.trunk(x))).flatten(1)
        h = F.dropout(F.relu(self.hidden(h)), .2, self.training)
        return {k: head(h) for k, head in self.heads.items()}


def load(prefix, folder):
    images, labels = [], []
    for name in sorted(glob.glob(f"{folder}/{prefix}_*_images.npy")):
        images.append(np.load(name))
        labels += [targets(label) for label in np.load(name.replace("images", "labels"))]
    table = {k: torch.tensor([int(label[k]) for label in labels]) for k in HEADS}
    return np.concatenate(images), table


def to_input(images):
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last)


def augment(images, rng):
    """Small shifts, blur and noise: what a generator's pictures differ by from renders."""
    x = to_input(images)
    dy, dx = rng.integers(-5, 6, 2)
    x = F.pad(x, (5, 5, 5, 5), mode="replicate")[..., 5 + dy:133 + dy, 5 + dx:133 + dx]
    if rng.random() < .4:
        x = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    if rng.random() < .4:
        x = x + torch.randn_like(x) * rng.uniform(.01, .08)
    return x.contiguous(memory_format=torch.channels_last)


def train(args):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    images, table = load("judge", args.data)
    model = Classifier().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=.02)
    start, step, reported = time.time(), 0, time.time()
    while (done := (time.time() - start) / 60 / args.minutes) < 1:
        index = rng.integers(0, len(images), 64)
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 100) * (.5 + .5 * math.cos(math.pi * done))
        with torch.autocast("cpu", torch.bfloat16):
            out = model(augment(images[index], rng))
        loss = 0
        for k in HEADS:
            target = table[k][index]
            if (target >= 0).any():
                loss = loss + F.cross_entropy(out[k].float(), target, ignore_index=-1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        if time.time() - reported > 60:
            reported = time.time()
            print(f"{done:.3f} step {step} loss {loss.item():.3f}", flush=True)
            torch.save(model.state_dict(), args.out + ".tmp")
            os.replace(args.out + ".tmp", args.out)
    torch.save(model.state_dict(), args.out)


def read(path):
    model = Classifier()
    model.load_state_dict(torch.load(path))
    return model.to(memory_format=torch.channels_last).eval()


def judge(model, images):
    """Class indices by head for [n, 128, 128, 3] bytes."""
    parts = []
    with torch.no_grad():
        for i in range(0, len(images), 50):
            parts.append({k: v.argmax(1) for k, v in model(to_input(images[i:i + 50])).items()})
    return {k: torch.cat([p[k] for p in parts]) for k in HEADS}


def accuracy(args):
    images, table = load("check", args.data)
    found = judge(read(args.out), images)
    for k in HEADS:
        known = table[k] >= 0
        print(f"{k:10} {(found[k] == table[k])[known].float().mean():.4f} of {int(known.sum())}")
    right = {k: found[k] == table[k] for k in HEADS}
    one, two = table["count"] == 0, table["count"] == 1
    pair = right["shape0"] & right["colour0"]
    both = pair & right["shape1"] & right["colour1"] & right["relation"]
    print(f"one object, shape and colour: {pair[one].float().mean():.4f}")
    print(f"two objects, all four and the relation: {both[two].float().mean():.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["train", "accuracy"])
    parser.add_argument("--data", default="data")
    parser.add_argument("--out", default="classifier.pt")
    parser.add_argument("--minutes", type=float, default=20)
    arguments = parser.parse_args()
    {"train": train, "accuracy": accuracy}[arguments.what](arguments)
