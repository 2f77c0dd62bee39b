"""Trains the default model's AutoencoderKL on rendered scenes, within a wall-clock budget.

Kingma and Welling. Auto-Encoding Variational Bayes. 2014; Rombach et al. High-Resolution Image
Synthesis with Latent Diffusion Models. 2022, appendix G. Absolute and squared error of pixels,
absolute error of their differences, and a small KL term; random 64 x 64 crops first, whole pictures
at the end.
"""

import argparse
import glob
import os
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

import checkpoint
import group_norm
import loop
from team import Team

CONFIG = dict(in_channels=3, out_channels=3, down_block_types=["DownEncoderBlock2D"] * 4,
              up_block_types=["UpDecoderBlock2D"] * 4, block_out_channels=[16, 32, 64, 128],
              layers_per_block=1, latent_channels=8, norm_num_groups=4, sample_size=128)


def load_images(folder):
    """Pictures and where their objects are, by shard."""
    return [(np.load(f, mmap_mode="r"), np.load(f.replace("images", "coverage")))
            for f in sorted(glob.glob(f"{folder}/train_*_images.npy"))]


def batch_of(shards, rng, count, tiles):
    """Crops of tiles x tiles latents: pixels from -1 to 1, and how much each counts."""
    pixels, weight = [], []
    for _ in range(count):
        images, coverage = shards[rng.integers(len(shards))]
        i, (y, x) = rng.integers(len(images)), rng.integers(0, 16 - tiles + 1, 2)
        turn = slice(None, None, -1 if rng.random() < .5 else 1)
        pixels.append(images[i, 8 * y:8 * (y + tiles), 8 * x:8 * (x + tiles)][:, turn])
        weight.append(coverage[i, y:y + tiles, x:x + tiles][:, turn])
    pixels = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1
    weight = 1 + 2 * torch.from_numpy(np.stack(weight)[:, None]).float() / 255
    return (pixels.contiguous(memory_format=torch.channels_last),
            F.interpolate(weight / weight.mean(), scale_factor=8))


def distance(decoded, pixels, weight):
    """Of the pixels, and of their horizontal and vertical differences."""
    d = decoded - pixels
    error = (d.abs() * weight).mean()
    edges = ((d[..., 1:] - d[..., :-1]).abs() * weight[..., 1:]).mean() + \
        ((d[..., 1:, :] - d[..., :-1, :]).abs() * weight[..., 1:, :]).mean()
    return error + (d.square() * weight).mean() + .5 * edges, error


def make_vae(config):
    vae = group_norm.install(AutoencoderKL(**config)).to(memory_format=torch.channels_last)
    with torch.no_grad():   # begin almost noise-free: the decoder learns from the first step
        channels = config["latent_channels"]
        vae.quant_conv.weight[channels:] *= .1
        vae.quant_conv.bias[channels:] = -5
        vae.encoder.conv_out.weight *= 3
    return vae


def loss_of(vae, pixels, weight):
    with torch.autocast("cpu", torch.bfloat16):
        posterior = vae.encode(pixels).latent_dist
        decoded = vae.decode(posterior.sample()).sample
    mean, logvar = posterior.mean.float(), posterior.logvar.float()
    kl = .5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
    loss, error = distance(decoded.float(), pixels, weight)
    return loss + 1e-4 * kl, error


def decoder_loss(vae, pixels, weight):
    """With latents a little noisier than the encoder makes them: the U-Net's are no better."""
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad():
            latents = vae.encode(pixels).latent_dist.sample()
        decoded = vae.decode(latents + .04 * torch.randn_like(latents)).sample
    return distance(decoded.float(), pixels, weight)


def work(args, team, shards, rank):
    torch.manual_seed(args.seed * 64 + rank)
    rng = np.random.default_rng([args.seed, rank])

    def loss(done):
        batch = batch_of(shards, rng, *((12, 8) if done < .65 else (3, 16)))
        return (decoder_loss if args.decoder else loss_of)(team.model, *batch)

    def save():
        loop.store({"config": CONFIG, "weights": team.average.state_dict()}, args.out)

    loop.train(team, rank, loop.Budget(args.minutes), 12, loop.cosine(args.rate, 100), loss, save,
               every=30)


def trainable(vae, args):
    """What --resume and --decoder ask for, and which weights are matrices."""
    if args.resume:
        vae.load_state_dict(checkpoint.read_vae(args.resume)["weights"])
    if args.decoder:
        vae.encoder.requires_grad_(False)
        vae.quant_conv.requires_grad_(False)
    return Team(vae, args.processes, lambda name, p: p.ndim > 1 and "conv_in" not in name and
                "conv_out" not in name)


def arguments():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--data", default="data")
    args.add_argument("--out", default="vae.pt")
    args.add_argument("--minutes", type=float, default=20)
    args.add_argument("--rate", type=float, default=1e-3)
    args.add_argument("--seed", type=int, default=0, help="another one for another run")
    args.add_argument("--processes", type=int, default=os.cpu_count())
    args.add_argument("--resume", default="", help="vae.pt or an exported folder to go on from")
    args.add_argument("--decoder", action="store_true", help="leave the encoder: latents stay")
    return args


def main():
    args = arguments().parse_args()
    torch.manual_seed(args.seed)
    team = trainable(make_vae(CONFIG), args)
    team.run(partial(work, args, team, load_images(args.data)))


if __name__ == "__main__":
    main()
