"""Encodes the rendered pictures: [n, 2 * channels, h, w] f16, mean and standard deviation."""

import argparse
import glob
import os

import numpy as np
import torch
from diffusers import AutoencoderKL

import checkpoint
import group_norm


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--data", default="data")
    args.add_argument("--vae", default="vae.pt")
    args.add_argument("--part", type=int, default=0)
    args.add_argument("--parts", type=int, default=1)
    args = args.parse_args()
    torch.set_num_threads(1)
    stored = checkpoint.read_vae(args.vae)
    vae = AutoencoderKL(**stored["config"])
    vae.load_state_dict(stored["weights"])
    group_norm.install(vae).to(memory_format=torch.channels_last).eval()
    for name in sorted(glob.glob(f"{args.data}/train_*_images.npy"))[args.part::args.parts]:
        images, out = np.load(name, mmap_mode="r"), []
        for i in range(0, len(images), 50):
            x = torch.from_numpy(images[i:i + 50].copy()).permute(0, 3, 1, 2).float() / 127.5 - 1
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                posterior = vae.encode(x).latent_dist
            out.append(torch.cat([posterior.mean, posterior.std], 1).half().numpy())
        target = name.replace("images", "latents")
        np.save(target + ".tmp.npy", np.concatenate(out))
        os.replace(target + ".tmp.npy", target)
        print(target, flush=True)


if __name__ == "__main__":
    main()
