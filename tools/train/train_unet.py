"""Trains the default model's U-Net and text encoder on cached latents, within a wall-clock budget.

Ho et al. Denoising Diffusion Probabilistic Models. 2020; v-prediction of Salimans and Ho.
Progressive Distillation for Fast Sampling of Diffusion Models. 2022; schedule with zero terminal
SNR of Lin et al. Common Diffusion Noise Schedules and Sample Steps are Flawed. 2023; a share of
empty captions for guidance, Ho and Salimans. Classifier-Free Diffusion Guidance. 2022.
"""

import argparse
import copy
import glob
import math
import os
import random
import time

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor

import checkpoint
import group_norm
import text
import world
from pace import Pace

CONFIG = dict(sample_size=16, in_channels=8, out_channels=8, layers_per_block=1,
              block_out_channels=[64, 96, 192], cross_attention_dim=192, attention_head_dim=4,
              norm_num_groups=16,
              down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
              up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"])
SCHEDULER = dict(num_train_timesteps=1000, beta_start=.00085, beta_end=.012,
                 beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=True,
                 prediction_type="v_prediction", rescale_betas_zero_snr=True,
                 timestep_spacing="trailing", steps_offset=1)


class Latents:
    """Moments of the encoded pictures with their labels; shards join as they are written."""

    def __init__(self, folder):
        self.folder, self.names, self.shards = folder, set(), []

    def refresh(self):
        for name in sorted(glob.glob(f"{self.folder}/train_*_latents.npy")):
            if name not in self.names:
                self.names.add(name)
                labels = np.load(name.replace("latents", "labels"))
                self.shards.append((np.load(name, mmap_mode="r"), labels))
        return sum(len(s[0]) for s in self.shards)

    def batch(self, rng, count):
        moments, labels = [], []
        for _ in range(count):
            data, label = self.shards[rng.integers(len(self.shards))]
            i = rng.integers(len(data))
            moments.append(data[i])
            labels.append(label[i])
        mean, std = torch.from_numpy(np.stack(moments).astype(np.float32)).chunk(2, 1)
        return mean + std * torch.randn_like(mean), labels


def learning_rate(done, step, peak, warm_up=300):
    rise = min(1, (step + 1) / warm_up)
    return peak * rise * (.5 + .5 * math.cos(math.pi * min(done, 1))) + 1e-6


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


def make_optimizer(model):
    decays = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return torch.optim.AdamW([{"params": decays, "weight_decay": .01},
                              {"params": others, "weight_decay": 0}], betas=(.9, .99))


def loss_of(model, tokens, x0, abar):
    # Stratified over the schedule, so that a small batch sees all of it.
    count = len(x0)
    t = ((torch.arange(count) + torch.rand(count)) * 1000 / count).long()
    a, s = abar[t].sqrt().view(-1, 1, 1, 1), (1 - abar[t]).sqrt().view(-1, 1, 1, 1)
    noise = torch.randn_like(x0)
    with torch.autocast("cpu", torch.bfloat16):
        context = model["text"](tokens).last_hidden_state
        predicted = model["unet"](a * x0 + s * noise, t, context).sample
    return (predicted.float() - (a * noise - s * x0)).square().mean()


def main():
    args = arguments()
    pace = Pace(args.threads)
    torch.manual_seed(0)
    rng, words = np.random.default_rng(0), random.Random(0)
    tokenizer = text.load_tokenizer(args.tokenizer)
    resume = checkpoint.read_unet(args.resume) if args.resume else None
    model = make_model(tokenizer, resume)
    average = copy.deepcopy(model).eval().requires_grad_(False)
    optimizer = make_optimizer(model)
    abar = DDIMScheduler(**SCHEDULER).alphas_cumprod
    latents = Latents(args.data)
    while latents.refresh() == 0:
        time.sleep(2)
    scaling = resume["scaling"] if resume else float(1 / latents.batch(rng, 512)[0].std())
    print(f"scaling_factor {scaling:.5f}, parameters",
          {k: sum(p.numel() for p in m.parameters()) for k, m in model.items()}, flush=True)
    start, step, reported, total = time.time(), 0, time.time(), []
    while (done := args.done + (time.time() - start) / 60 / args.minutes * (1 - args.done)) < 1:
        pace.step()
        if step % 200 == 0:
            latents.refresh()
        x0, labels = latents.batch(rng, args.batch)
        captions = ["" if words.random() < .1 else world.caption(words, l) for l in labels]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(done, step, args.rate, 50 if resume else 300)
        loss = loss_of(model, text.encode(tokenizer, captions),
                       (x0 * scaling).contiguous(memory_format=torch.channels_last), abar)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        decay = min(.9985, (step + 1) / (step + 10))
        for slow, fast in zip(average.parameters(), model.parameters()):
            slow.lerp_(fast, 1 - decay)
        step += 1
        total.append(loss.item())
        if time.time() - reported > 60:
            reported = time.time()
            print(f"{done:.3f} step {step} loss {np.mean(total):.4f} "
                  f"threads {torch.get_num_threads()}", flush=True)
            total = []
            save(average, scaling, args.out)
    save(average, scaling, args.out)


def arguments():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--data", default="data")
    args.add_argument("--tokenizer", default="tokenizer")
    args.add_argument("--out", default="unet.pt")
    args.add_argument("--resume", default="", help="unet.pt or an exported folder to go on from")
    args.add_argument("--done", type=float, default=0, help="the share that it has behind it")
    args.add_argument("--minutes", type=float, default=70)
    args.add_argument("--batch", type=int, default=32)
    args.add_argument("--rate", type=float, default=7e-4)
    args.add_argument("--threads", type=int, default=2)
    return args.parse_args()


def save(model, scaling, path):
    torch.save({"weights": model.state_dict(), "scaling": scaling}, path + ".tmp")
    os.replace(path + ".tmp", path)


if __name__ == "__main__":
    main()
