"""The judge: a residual network (He et al. Deep Residual Learning. 2016) that reads a scene.

Two objects are told apart by the relation in its canonical form: first is the left one, the upper
one or the nearer one. train: fits on renders that the generator never saw; accuracy: on others.
"""

import argparse
import copy
import glob
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

import world

SIZE = 128
HEADS = {"count": 2, "relation": 3, "shape0": 16, "colour0": 12, "shape1": 16, "colour1": 12,
         "material0": 3, "view": 4, "setting": 8}
WEIGHTS = {"material0": .3, "view": .5, "setting": .3, "count": .5}
CANONICAL = {"left": (0, False), "right": (0, True), "top": (1, False), "front": (2, False),
             "behind": (2, True)}


def targets(label, mirrored=False):
    """Class indices by head; -1 where the picture does not say."""
    two, swap, relation = label["count"] == 2, False, -1
    if two:
        relation, swap = CANONICAL[world.RELATIONS[label["relation"]]]
        swap ^= mirrored and relation == 0
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
    def __init__(self, widths=(32, 64, 128)):
        super().__init__()
        layers, c = [torch.nn.Conv2d(3, 24, 4, 2, 1, bias=False), torch.nn.BatchNorm2d(24),
                     torch.nn.ReLU()], 24
        for width in widths:
            layers += [torch.nn.Conv2d(c, width, 4, 2, 1, bias=False),
                       torch.nn.BatchNorm2d(width), torch.nn.ReLU(), Block(width)]
            c = width
        self.trunk = torch.nn.Sequential(*layers, Block(c))
        self.squeeze = torch.nn.Conv2d(c, 48, 1)
        self.hidden = torch.nn.Linear(48 * 64, 384)
        self.heads = torch.nn.ModuleDict({k: torch.nn.Linear(384, n) for k, n in HEADS.items()})
        # Where each of the two objects is, and what stands there, wherever that is.
        self.attention = torch.nn.Linear(384, 2 * 64)
        self.look = torch.nn.Linear(c, 256)
        self.named = torch.nn.ModuleDict({k: torch.nn.Linear(256, HEADS[k + "0"])
                                          for k in ("shape", "colour")})

    def forward(self, x):
        features = self.trunk(x)
        h = F.relu(self.squeeze(features)).flatten(1)
        h = F.dropout(F.relu(self.hidden(h)), .2, self.training)
        out = {k: head(h) for k, head in self.heads.items()}
        places = self.attention(h).view(-1, 2, 64).softmax(2)
        seen = F.relu(self.look(places @ features.flatten(2).transpose(1, 2)))
        for k, head in self.named.items():
            for i, scores in enumerate(head(seen).unbind(1)):
                out[f"{k}{i}"] = out[f"{k}{i}"] + scores
        return out


def load(prefix, folder):
    """The pictures, and the targets of each and of its mirror image."""
    images, labels = [], []
    for name in sorted(glob.glob(f"{folder}/{prefix}_*_images.npy")):
        images.append(np.load(name))
        labels += list(np.load(name.replace("images", "labels")))
    tables = []
    for mirrored in (False, True):
        rows = [targets(label, mirrored) for label in labels]
        tables.append({k: torch.tensor([int(row[k]) for row in rows]) for k in HEADS})
    return np.concatenate(images), tables


def to_input(images):
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last)


def augment(images, rng):
    """Small shifts, blur and noise: what a generator's pictures differ by from renders."""
    x = F.pad(to_input(images), (6, 6, 6, 6), mode="replicate")
    dy, dx = rng.integers(0, 13, 2)
    x = x[..., dy:dy + SIZE, dx:dx + SIZE]
    if rng.random() < .4:
        r = int(rng.integers(1, 3))
        blurred = F.avg_pool2d(F.pad(x, (r, r, r, r), mode="replicate"), 2 * r + 1, 1)
        x = torch.lerp(x, blurred, rng.uniform(0, 1))
    if rng.random() < .4:
        x = x + torch.randn_like(x) * rng.uniform(.01, .06)
    return x.contiguous(memory_format=torch.channels_last)


def loss_of(out, table, index):
    loss = 0
    for k in HEADS:
        target = table[k][index]
        if (target >= 0).any():
            loss = loss + WEIGHTS.get(k, 1) * F.cross_entropy(out[k].float(), target,
                                                              ignore_index=-1)
    return loss


def save(model, path):
    torch.save(model.state_dict(), path + ".tmp")
    os.replace(path + ".tmp", path)


def follow(average, model, step):
    """A running mean of the weights, so that every snapshot is usable."""
    decay = min(.99, (step + 1) / (step + 10))
    slow, fast = average.state_dict(), model.state_dict()
    for name, value in slow.items():
        value.lerp_(fast[name], 1 - decay) if value.is_floating_point() else value.copy_(fast[name])


def train(args):
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    model = read(args.resume).train() if args.resume else Classifier()
    model = model.to(memory_format=torch.channels_last)
    average = copy.deepcopy(model).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=.02)
    start, step, reported, total = time.time(), 0, time.time(), []
    while (done := (time.time() - start) / 60 / args.minutes) < 1:
        if step % 200 == 0:
            images, tables = load("judge", args.data)
        index, mirrored = rng.integers(0, len(images), 32), int(rng.random() < .5)
        rate = min(1, (step + 1) / 100) * (.5 + .5 * math.cos(math.pi * done))
        for group in optimizer.param_groups:
            group["lr"] = args.rate * rate
        chosen = images[index, :, ::-1] if mirrored else images[index]
        with torch.autocast("cpu", torch.bfloat16):
            out = model(augment(np.ascontiguousarray(chosen), rng))
        loss = loss_of(out, tables[mirrored], index)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        follow(average, model, step)
        step += 1
        total.append(loss.item())
        if time.time() - reported > 30:
            reported = time.time()
            print(f"{done:.3f} step {step} loss {np.mean(total):.3f} of {len(images)}", flush=True)
            total = []
            save(average, args.out)
    save(average, args.out)


def read(path):
    model = Classifier()
    model.load_state_dict(torch.load(path))
    return model.to(memory_format=torch.channels_last).eval()


def judge(model, images):
    """Class indices by head for [n, size, size, 3] bytes."""
    parts = []
    with torch.no_grad():
        for i in range(0, len(images), 50):
            parts.append({k: v.argmax(1) for k, v in model(to_input(images[i:i + 50])).items()})
    return {k: torch.cat([p[k] for p in parts]) for k in HEADS}


def accuracy(args):
    images, (table, _) = load("check", args.data)
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
    parser.add_argument("--resume", default="")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    {"train": train, "accuracy": accuracy}[arguments.what](arguments)
