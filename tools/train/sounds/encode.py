"""Encodes log-mels: [n, 2 * channels, frames / 8, 8] f16, mean and standard deviation.

With --decode, the log-mels that the autoencoder makes of them: what the vocoder will read.
"""

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
    args.add_argument("--decode", action="store_true", help="only of shards that have audio")
    args.add_argument("--part", type=int, default=0)
    args.add_argument("--parts", type=int, default=1)
    args = args.parse_args()
    torch.set_num_threads(1)
    stored = checkpoint.read_vae(args.vae)
    vae = AutoencoderKL(**stored["config"])
    vae.load_state_dict(stored["weights"])
    group_norm.install(vae).to(memory_format=torch.channels_last).eval()

    def convert(x):
        posterior = vae.encode(x).latent_dist
        if not args.decode:
            return torch.cat([posterior.mean, posterior.std], 1)
        return vae.decode(posterior.sample()).sample[:, 0]

    kind, only = ("decoded", "audio") if args.decode else ("latents", "mels")
    for name in sorted(glob.glob(f"{args.data}/train_*_{only}.npy"))[args.part::args.parts]:
        target = name.replace(only, kind)
        mels, out = np.load(name.replace(only, "mels"), mmap_mode="r"), []
        for i in range(0, len(mels), 25):
            x = torch.from_numpy(mels[i:i + 25].copy())[:, None].float()
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                out.append(convert(x).half().numpy())
        np.save(target + ".tmp.npy", np.concatenate(out))
        os.replace(target + ".tmp.npy", target)
        print(target, flush=True)


if __name__ == "__main__":
    main()
