"""Trains the default model's U-Net and text encoder on cached latents, within a wall-clock budget.

diffusion.py has the loss; a share of empty captions for guidance, Ho and Salimans. Classifier-Free
Diffusion Guidance. 2022.
"""

import argparse
import glob
import os
import random
from functools import partial

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor

import checkpoint
import diffusion
import group_norm
import loop
import text
import world
from team import Team

CONFIG = dict(sample_size=16, in_channels=8, out_channels=8, layers_per_block=1,
              block_out_channels=[64, 96, 192], cross_attention_dim=192, attention_head_dim=4,
              norm_num_groups=16,
              down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
              up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"])


class Latents:
    """Moments of the encoded pictures, their labels, and where their objects are. skipped: the
    shares of pictures with one object, of those from a named side, and of those with two that are
    passed over; turned: of what is left, the share in which others than world.is_turned are."""

    def __init__(self, folder, skipped, turned):
        self.skipped, self.turned = skipped, turned
        self.shards = [(np.load(name, mmap_mode="r"), np.load(name.replace("latents", "labels")),
                        np.load(name.replace("latents", "coverage")))
                       for name in sorted(glob.glob(f"{folder}/train_*_latents.npy"))]

    def batch(self, rng, count):
        """A sample of the latents, labels, and coverage [count, 1, h, w] from 0 to 1."""
        moments, labels, covered = [], [], []
        while len(moments) < count:
            data, label, coverage = self.shards[rng.integers(len(self.shards))]
            i = rng.integers(len(data))
            one, sides, two = self.skipped
            share = two if label[i]["count"] == 2 else sides if 0 <= label[i]["view"] < 3 else one
            if rng.random() < share or rng.random() < self.turned and not world.is_turned(label[i]):
                continue
            moments.append(data[i])
            labels.append(label[i])
            covered.append(coverage[i])
        mean, std = torch.from_numpy(np.stack(moments).astype(np.float32)).chunk(2, 1)
        weight = torch.from_numpy(np.stack(covered)[:, None]).float() / 255
        return mean + std * torch.randn_like(mean), labels, weight


def make_model(tokenizer, resume=None):
    model = torch.nn.ModuleDict({
        "unet": UNet2DConditionModel(**CONFIG).to(memory_format=torch.channels_last),
        "text": text.make_encoder(tokenizer)})
    group_norm.install(model)
    model["unet"].set_attn_processor(AttnProcessor())   # the fused backward is slow on CPUs
    model["text"].set_attn_implementation("eager")
    if resume:
        model.load_state_dict(resume["weights"])
    return model


def loss_of(model, tokens, x0, weight):
    def predict(noisy, t):
        return model["unet"](noisy, t, model["text"](tokens).last_hidden_state).sample

    return diffusion.loss_of(predict, x0, weight)


def work(args, team, tokenizer, latents, scaling, rank):
    torch.manual_seed(args.seed * 64 + rank)
    rng = np.random.default_rng([args.seed, rank])
    words = random.Random(args.seed * 64 + rank)

    def loss(done):
        x0, labels, covered = latents.batch(rng, args.batch)
        # Objects before backgrounds; no more at the end, as it favours objects where in doubt.
        weight = 1 + args.objects * (1 - done) * covered
        captions = ["" if words.random() < .1 else world.caption(words, l) for l in labels]
        found = loss_of(team.model, text.encode(tokenizer, captions),
                        (x0 * scaling).contiguous(memory_format=torch.channels_last), weight)
        return found, found

    def save():
        loop.store({"weights": team.average.state_dict(), "scaling": scaling}, args.out)

    loop.train(team, rank, loop.Budget(args.minutes, args.done), args.batch,
               loop.cosine(args.rate, 50 if args.resume else 300, 1e-6), loss, save)


def main():
    args = arguments()
    torch.manual_seed(args.seed)
    tokenizer = text.load_tokenizer(args.tokenizer)
    resume = checkpoint.read_unet(args.resume) if args.resume else None
    model = make_model(tokenizer, resume)
    latents = Latents(args.data, args.skipped, args.turned)
    scaling = resume["scaling"] if resume else float(
        1 / latents.batch(np.random.default_rng(0), 512)[0].std())
    print(f"scaling_factor {scaling:.5f}, parameters",
          {k: sum(p.numel() for p in m.parameters()) for k, m in model.items()}, flush=True)
    team = Team(model, args.processes, diffusion.is_matrix)
    team.run(partial(work, args, team, tokenizer, latents, scaling))


def arguments():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--data", default="data")
    args.add_argument("--tokenizer", default="tokenizer")
    args.add_argument("--out", default="unet.pt")
    args.add_argument("--resume", default="", help="unet.pt or an exported folder to go on from")
    args.add_argument("--done", type=float, default=0, help="the share that it has behind it")
    args.add_argument("--minutes", type=float, default=100)
    args.add_argument("--batch", type=int, default=64, help="pictures a step and process")
    args.add_argument("--rate", type=float, default=6e-4)
    args.add_argument("--objects", type=float, default=2,
                      help="how much more than the background objects count at first")
    args.add_argument("--skipped", type=float, nargs=3, default=[.35, .35, 0],
                      help="share passed over: of one object, from a named side, of two; those "
                           "that are harder to learn want less")
    args.add_argument("--turned", type=float, default=0,
                      help="share passed over of what does not face left or right")
    args.add_argument("--seed", type=int, default=0, help="another one for another run")
    args.add_argument("--processes", type=int, default=os.cpu_count())
    return args.parse_args()


if __name__ == "__main__":
    main()
