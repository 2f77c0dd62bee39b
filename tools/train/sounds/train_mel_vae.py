"""Trains the sounds' AutoencoderKL on log-mel spectrograms, one channel, 8 x 8 values a latent.

As train_vae.py has it for pictures; what is soft counts less than what is loud, and nearly silent
frames hardly. Crops of 1.28 s first, whole sounds at the end.
"""

import glob
from functools import partial

import numpy as np
import torch

import loop
import train_vae

CONFIG = dict(in_channels=1, out_channels=1, down_block_types=["DownEncoderBlock2D"] * 4,
              up_block_types=["UpDecoderBlock2D"] * 4, block_out_channels=[16, 32, 64, 128],
              layers_per_block=1, latent_channels=8, norm_num_groups=4, sample_size=416)
MIDDLE, SPREAD = -5.0, 4.0   # of log-mel values, about


def make_vae():
    """Begins as if the log-mels were between -1 and 1, like pictures."""
    vae = train_vae.make_vae(CONFIG)
    with torch.no_grad():
        first, last = vae.encoder.conv_in, vae.decoder.conv_out
        first.weight /= SPREAD
        first.bias -= MIDDLE * first.weight.sum((1, 2, 3))
        last.weight *= SPREAD
        last.bias.mul_(SPREAD).add_(MIDDLE)
    return vae


def batch_of(shards, rng, count, frames):
    """[count, 1, frames, 64] log-mels, and how much each value counts."""
    mels = []
    for _ in range(count):
        shard = shards[rng.integers(len(shards))]
        at = 8 * rng.integers((shard.shape[1] - frames) // 8 + 1)
        mels.append(shard[rng.integers(len(shard)), at:at + frames])
    mels = torch.from_numpy(np.stack(mels)[:, None]).float()
    weight = .15 + torch.sigmoid((mels + 7) / 1.2)
    return mels.contiguous(memory_format=torch.channels_last), weight / weight.mean()


class Scaled(torch.nn.Module):
    """The autoencoder to train_vae.py's losses, which expect values of about 1."""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def encode(self, x):
        return self.vae.encode(x * SPREAD + MIDDLE)

    def decode(self, z):
        decoded = self.vae.decode(z)
        decoded.sample = (decoded.sample - MIDDLE) / SPREAD
        return decoded


def work(args, team, shards, rank):
    torch.manual_seed(args.seed * 64 + rank)
    rng = np.random.default_rng([args.seed, rank, args.seen])
    budget = loop.Budget(args.minutes, samples=args.samples, seen=args.seen)
    scaled = Scaled(team.model)

    def loss(done):
        # As many values in each step.
        mels, weight = batch_of(shards, rng, *((13, 128) if done < .75 else (4, 416)))
        of = train_vae.decoder_loss if args.decoder else train_vae.loss_of
        return of(scaled, (mels - MIDDLE) / SPREAD, weight)

    def save():
        loop.store({"config": CONFIG, "weights": team.average.state_dict()}, args.out)

    loop.train(team, rank, budget, 13, loop.cosine(args.rate, 100), loss, save)


def main():
    args = train_vae.arguments()
    args.add_argument("--samples", type=int, default=120000, help="crops of the whole training")
    args.add_argument("--seen", type=int, default=0, help="the crops that it has behind it")
    args = args.parse_args()
    torch.manual_seed(args.seed)
    team = train_vae.trainable(make_vae(), args)
    shards = [np.load(f, mmap_mode="r") for f in sorted(glob.glob(f"{args.data}/train_*_mels.npy"))]
    team.run(partial(work, args, team, shards))


if __name__ == "__main__":
    main()
