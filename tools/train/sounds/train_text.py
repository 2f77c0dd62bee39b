"""Teaches the sounds' text encoder what captions say: a linear map of its vector is to name the
label. Denoising alone learns which kinds a caption names long before it learns their order.

With --resume, vectors of captions without an order stay near to what they are, so that the U-Net
that has learnt them still understands.
"""

import argparse
import os
import random
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

import checkpoint
import diffusion
import judge
import loop
import scenes
import words
from team import Team


def classify(heads, vectors):
    found = heads(vectors * vectors.shape[1] ** .5).split(list(judge.HEADS.values()), 1)
    return dict(zip(judge.HEADS, found))


def draw(rng, speaker, count, sequences):
    """Labels, a share of them at least of two sounds in sequence, and their captions."""
    labels = []
    while len(labels) < count:
        label = scenes.sample(rng)
        if label["arrangement"] == 1 or len(labels) >= sequences * count:
            labels.append(label)
    return np.array(labels), [scenes.caption(speaker, label) for label in labels]


def work(args, team, tokenizer, old, stored, rank):
    torch.manual_seed(args.seed * 64 + rank)
    rng, speaker = np.random.default_rng([args.seed, rank]), random.Random(f"{args.seed} {rank}")

    def loss(done):
        labels, captions = draw(rng, speaker, args.batch, .3)
        tokens = words.encode(tokenizer, captions)
        with torch.autocast("cpu", torch.bfloat16):
            vectors = words.embed(team.model["text"], *tokens)
        out = classify(team.model["heads"], vectors)
        found = judge.loss_of(out, judge.targets(labels))
        if not old:
            return found, found
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            before = words.embed(old, *tokens)
        unordered = torch.from_numpy(labels["arrangement"] != 1)
        moved = (1 - F.cosine_similarity(vectors, before))[unordered].mean()
        return found + args.anchor * moved, found

    def save():
        weights = {k: v for k, v in team.average.state_dict().items() if k.startswith("text.")}
        loop.store({**stored, "weights": {**stored["weights"], **weights}}, args.out)

    loop.train(team, rank, loop.Budget(args.minutes, samples=args.samples), args.batch,
               loop.cosine(args.rate, 100, 1e-6), loss, save)


def accuracy(tokenizer, model):
    """Shares of fresh captions whose kinds, in order, and arrangement the vector names."""
    labels, captions = draw(np.random.default_rng(1), random.Random(1), 2000, .5)
    with torch.no_grad():
        vectors = words.embed(model["text"], *words.encode(tokenizer, captions))
        out = classify(model["heads"], vectors)
    wanted = judge.targets(labels)
    right = {k: out[k].argmax(1) == wanted[k] for k in ("kind0", "kind1", "arrangement")}
    ordered = wanted["arrangement"] == 1
    both = right["kind0"] & right["kind1"]
    print(f"arrangement {right['arrangement'].float().mean():.3f}, kinds of single sounds "
          f"{right['kind0'][wanted['arrangement'] == 0].float().mean():.3f}, of sequences in order "
          f"{both[ordered].float().mean():.3f}")


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--tokenizer", default="tokenizer")
    args.add_argument("--out", default="text.pt")
    args.add_argument("--resume", default="", help="unet.pt or an exported folder to go on from")
    args.add_argument("--anchor", type=float, default=5)
    args.add_argument("--minutes", type=float, default=30)
    args.add_argument("--samples", type=int, default=250000)
    args.add_argument("--batch", type=int, default=128)
    args.add_argument("--rate", type=float, default=1e-3)
    args.add_argument("--seed", type=int, default=0)
    args.add_argument("--processes", type=int, default=os.cpu_count())
    args = args.parse_args()
    torch.manual_seed(args.seed)
    tokenizer = words.load_tokenizer(args.tokenizer)
    outputs = sum(judge.HEADS.values())
    model, old = torch.nn.ModuleDict({"text": words.make_encoder(tokenizer),
                                      "heads": torch.nn.Linear(512, outputs)}), None
    stored = checkpoint.read_unet(args.resume, "") if args.resume else {"weights": {}}
    if args.resume:
        old = words.make_encoder(tokenizer).eval()
        for encoder in (model["text"], old):
            encoder.load_state_dict(checkpoint.part(stored, "text."))
    model["text"].set_attn_implementation("eager")
    team = Team(model, args.processes, lambda name, p: diffusion.is_matrix(name, p)
                and not name.startswith("heads"))
    team.run(partial(work, args, team, tokenizer, old, stored))
    accuracy(tokenizer, team.average)


if __name__ == "__main__":
    main()
