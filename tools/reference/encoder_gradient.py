"""Goldens of gradients through the encoder of AutoencoderKL: PyTorch's, in double, of sum(mean *
cotangent) by the picture.

    python tools/reference/encoder_gradient.py

Writes tests/golden/latent/encoder_gradient.safetensors. The networks are those of models.py and
full_size.py, with their weights and noise, and the model that comes with Kiln.
"""

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file

import full_size
import models
from models import ROOT, noise


def gradient(vae, images, height, width):
    picture = noise("picture", (images, 3, height, width)).double().requires_grad_()
    mean = vae.double().encode(picture).latent_dist.mean
    cotangent = noise("cotangent", tuple(mean.shape)).double()
    (found,) = torch.autograd.grad((mean * cotangent).sum(), picture)
    return found.float().contiguous()


def main():
    networks = dict(
        sd1=(models.fill(AutoencoderKL.from_config(models.VAE)), 2, 16, 24),
        sdxl=(models.fill(AutoencoderKL.from_config(models.XL_VAE)), 1, 24, 40),
        trained=(AutoencoderKL.from_pretrained(ROOT / "modalities/image/default/vae"), 1, 40, 48),
        full=(full_size.build(AutoencoderKL, full_size.VAE)[0], 1, 32, 48),
    )
    results = {}
    for name, (vae, *size) in networks.items():
        with torch.enable_grad():
            results[name] = gradient(vae.eval().requires_grad_(False), *size)
        print(name, tuple(results[name].shape), results[name].std().item(), flush=True)
    path = ROOT / "tests/golden/latent/encoder_gradient.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file(results, path)
    path.chmod(0o644)
    assert path.stat().st_size <= 65536, path.stat().st_size


if __name__ == "__main__":
    main()
