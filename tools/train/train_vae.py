"""Trains the default model's AutoencoderKL on rendered scenes, within a wall-clock budget.

Kingma and Welling. Auto-Encoding Variational Bayes. 2014; Rombach et al. High-Resolution Image
Synthesis with Latent Diffusion Models. 2022, appendix G. Absolute and squared error of pixels,
absolute error of their differences, and a small KL term; random 64 x 64 crops first, whole pictures
at the end.
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
from diffusers import AutoencoderKL

import checkpoint
import group_norm
from pace import Pace

CONFIG = dict(in_channels=3, out_channels=3, down_block_types=["DownEncoderBlock2D"] * 4,
              up_block_types=["UpDecoderBlock2D"] * 4, block_out_channels=[16, 32, 64, 128],
              layers_per_block=1, latent_channels=8, norm_num_groups=4, sample_size=128)


def load_images(folder, at_least=1):
    while len(files := sorted(glob.glob(f"{folder}/train_*_images.npy"))) < at_least:
        time.sleep(2)
    return [np.load(f, mmap_mode="r") for f in files]


def batch_of(shards, rng, count, size):
    out = np.empty((count, size, size, 3), np.uint8)
    for i in range(count):
        shard = shards[rng.integers(len(shards))]
        y, x = rng.integers(0, 128 - size + 1, 2)
        out[i] = shard[rng.integers(len(shard)), y:y + size, x:x + size]
        if rng.random() < .5:
            out[i] = out[i, :, ::-1]
    pixels = torch.from_numpy(out).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pixels.contiguous(memory_format=torch.channels_last)


def differences(a, b):
    """Mean absolute error of the horizontal and vertical differences of neighbours."""
    d = a - b
    return (d[..., 1:] - d[..., :-1]).abs().mean() + (d[..., 1:, :] - d[..., :-1, :]).abs().mean()


def make_vae():
    vae = group_norm.install(AutoencoderKL(**CONFIG)).to(memory_format=torch.channels_last)
    with torch.no_grad():   # begin almost noise-free: the decoder learns from the first step
        channels = CONFIG["latent_channels"]
        vae.quant_conv.weight[channels:] *= .1
        vae.quant_conv.bias[channels:] = -5
        vae.encoder.conv_out.weight *= 3
    return vae


def decoder_batch(folder, rng, count):
    """Stored latents, a little noisier than the encoder made them, and their pictures."""
    moments, out = [], []
    names = sorted(glob.glob(f"{folder}/train_*_latents.npy"))
    data = np.load(name := names[rng.integers(len(names))], mmap_mode="r")
    pictures = np.load(name.replace("latents", "images"), mmap_mode="r")
    for i in rng.integers(0, len(data), count):
        moments.append(data[i])
        out.append(pictures[i])
    mean, std = torch.from_numpy(np.stack(moments).astype(np.float32)).chunk(2, 1)
    pixels = torch.from_numpy(np.stack(out)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return mean + (std + .04) * torch.randn_like(mean), pixels


def distance(decoded, pixels):
    error = (decoded - pixels).abs().mean()
    return error + (decoded - pixels).square().mean() + .5 * differences(decoded, pixels), error


def loss_of(vae, pixels):
    with torch.autocast("cpu", torch.bfloat16):
        posterior = vae.encode(pixels).latent_dist
        decoded = vae.decode(posterior.sample()).sample
    mean, logvar = posterior.mean.float(), posterior.logvar.float()
    kl = .5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
    loss, error = distance(decoded.float(), pixels)
    return loss + 1e-4 * kl, error, kl


def decoder_loss(vae, latents, pixels):
    latents = latents.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        decoded = vae.decode(latents).sample
    return *distance(decoded.float(), pixels), torch.zeros(())


def save(vae, path):
    torch.save({"config": CONFIG, "weights": vae.state_dict()}, path + ".tmp")
    os.replace(path + ".tmp", path)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--data", default="data")
    args.add_argument("--out", default="vae.pt")
    args.add_argument("--minutes", type=float, default=20)
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--decoder", default="", metavar="VAE",
                      help="go on with the decoder of VAE (.pt or folder) alone: latents stay")
    args = args.parse_args()
    pace = Pace(args.threads)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    vae = make_vae()
    if args.decoder:
        vae.load_state_dict(checkpoint.read_vae(args.decoder)["weights"])
        vae.encoder.requires_grad_(False)
        vae.quant_conv.requires_grad_(False)
    average = copy.deepcopy(vae).eval().requires_grad_(False)
    learned = [p for p in vae.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=1e-3, betas=(.9, .99), weight_decay=1e-3)
    shards, start, step, reported = load_images(args.data), time.time(), 0, 0
    while (done := (time.time() - start) / 60 / args.minutes) < 1:
        if step % 200 == 0:
            shards = load_images(args.data)
        pace.step()
        crops = done < .65
        rate = (3e-4 if args.decoder else 1.2e-3) * min(1, (step + 1) / 100)
        rate *= .5 + .5 * math.cos(math.pi * done)
        for group in optimizer.param_groups:
            group["lr"] = rate
        if args.decoder:
            loss, error, kl = decoder_loss(vae, *decoder_batch(args.data, rng, 4))
        else:
            pixels = batch_of(shards, rng, 12 if crops else 4, 64 if crops else 128)
            loss, error, kl = loss_of(vae, pixels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        decay = min(.999, (step + 1) / (step + 20))
        for slow, fast in zip(average.parameters(), vae.parameters()):
            slow.lerp_(fast, 1 - decay)
        step += 1
        if time.time() - reported > 20:
            reported = time.time()
            print(f"{done:.3f} step {step} loss {loss:.4f} error {error:.4f} kl {kl:.3f} "
                  f"threads {torch.get_num_threads()}", flush=True)
            save(average, args.out)
    save(average, args.out)


if __name__ == "__main__":
    main()
