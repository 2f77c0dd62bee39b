"""Trains the sounds' U-Net and text encoder together on cached latents.

Liu et al. AudioLDM: Text-to-Audio Generation with Latent Diffusion Models. 2023, for the layout:
the caption's one vector joins the embedding of the timestep. diffusion.py has the loss; a share of
empty captions for guidance, Ho and Salimans. Classifier-Free Diffusion Guidance. 2022.
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
import scenes
import words
from team import Team

WIDTHS = [64, 128, 160]
CONFIG = dict(sample_size=52, in_channels=8, out_channels=8, layers_per_block=1,
              block_out_channels=WIDTHS, cross_attention_dim=WIDTHS, attention_head_dim=4,
              norm_num_groups=16, class_embed_type="simple_projection",
              projection_class_embeddings_input_dim=512, class_embeddings_concat=True,
              down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
              up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"])


class Latents:
    """Moments of the encoded sounds, and their labels. sequences: how often one of two sounds in
    sequence is drawn, against any other."""

    def __init__(self, folder, sequences):
        names = sorted(glob.glob(f"{folder}/train_*_latents.npy"))
        self.moments = [np.load(n) for n in names]
        self.labels = [np.load(n.replace("latents", "labels")) for n in names]
        self.places = [(s, i) for s, labels in enumerate(self.labels) for i in range(len(labels))]
        arrangements = np.concatenate(self.labels)["arrangement"]
        ordered = arrangements == scenes.ARRANGEMENTS.index("sequence")
        self.limits = np.cumsum(np.where(ordered, sequences, 1))

    def batch(self, rng, count):
        """A sample of the latents, and labels."""
        drawn = np.searchsorted(self.limits, rng.random(count) * self.limits[-1], side="right")
        places = [self.places[i] for i in drawn]
        moments = np.stack([self.moments[s][i] for s, i in places]).astype(np.float32)
        mean, std = torch.from_numpy(moments).chunk(2, 1)
        return mean + std * torch.randn_like(mean), [self.labels[s][i] for s, i in places]


def make_model(tokenizer):
    model = torch.nn.ModuleDict({
        "unet": UNet2DConditionModel(**CONFIG).to(memory_format=torch.channels_last),
        "text": words.make_encoder(tokenizer)})
    group_norm.install(model)
    model["unet"].set_attn_processor(AttnProcessor())   # the fused backward is slow on CPUs
    model["text"].set_attn_implementation("eager")
    with torch.no_grad():   # the vector has length 1, its projection elements of about 1
        model["unet"].class_embedding.weight.normal_(0, .7)
    return model


def loss_of(model, tokens, x0):
    def predict(noisy, t):
        vector = words.embed(model["text"], *tokens)
        return model["unet"](noisy, t, None, class_labels=vector).sample

    return diffusion.loss_of(predict, x0)


def work(args, team, tokenizer, latents, stored, rank):
    seen = stored["seen"]
    torch.manual_seed(args.seed * 64 + rank)
    rng = np.random.default_rng([args.seed, rank, seen])
    speaker = random.Random(f"{args.seed} {rank} {seen}")
    budget = loop.Budget(args.minutes, samples=args.samples, seen=seen)

    def loss(done):
        x0, labels = latents.batch(rng, args.batch)
        captions = ["" if speaker.random() < .1 else scenes.caption(speaker, l) for l in labels]
        x0 = (x0 * stored["scaling"]).contiguous(memory_format=torch.channels_last)
        found = loss_of(team.model, words.encode(tokenizer, captions), x0)
        return found, found

    def save():
        loop.store({"weights": team.average.state_dict(), "scaling": stored["scaling"],
                    "seen": budget.seen}, args.out)

    loop.train(team, rank, budget, args.batch, loop.cosine(args.rate, 50 if seen else 300, 1e-6),
               loss, save)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--data", default="data")
    args.add_argument("--tokenizer", default="tokenizer")
    args.add_argument("--out", default="unet.pt")
    args.add_argument("--resume", default="", help="unet.pt or an exported folder to go on from")
    args.add_argument("--text", default="", help="text.pt, whose text encoder is taken")
    args.add_argument("--seen", type=int, default=0, help="the samples that a folder has seen")
    args.add_argument("--minutes", type=float, default=100)
    args.add_argument("--samples", type=int, default=400000, help="of the whole training")
    args.add_argument("--batch", type=int, default=48, help="sounds a step and process")
    args.add_argument("--sequences", type=float, default=2, help="weight of two sounds in sequence")
    args.add_argument("--rate", type=float, default=8e-4)
    args.add_argument("--seed", type=int, default=0)
    args.add_argument("--processes", type=int, default=os.cpu_count())
    args = args.parse_args()
    torch.manual_seed(args.seed)
    tokenizer = words.load_tokenizer(args.tokenizer)
    model, latents = make_model(tokenizer), Latents(args.data, args.sequences)
    stored = checkpoint.read_unet(args.resume, "") if args.resume else {
        "scaling": float(1 / latents.batch(np.random.default_rng(0), 512)[0].std())}
    stored.setdefault("seen", args.seen)
    if args.resume:
        model.load_state_dict(stored["weights"])
    if args.text:
        model["text"].load_state_dict(checkpoint.part(torch.load(args.text), "text."))
    print(f"scaling_factor {stored['scaling']:.5f}, parameters",
          {k: sum(p.numel() for p in m.parameters()) for k, m in model.items()}, flush=True)
    team = Team(model, args.processes, diffusion.is_matrix)
    team.run(partial(work, args, team, tokenizer, latents, stored))


if __name__ == "__main__":
    main()
