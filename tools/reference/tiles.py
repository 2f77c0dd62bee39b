"""Golden of the autoencoder in tiles: diffusers' tiled_decode and tiled_encode with hash weights.

    python tools/reference/tiles.py

Writes tests/golden/image/tiles.safetensors; the model is that of sd1.json.
"""

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file

import models
from models import noise

TILE = 64  # pixels: neither side is a whole number of steps, and the last tiles are small

if __name__ == "__main__":
    vae = models.fill(AutoencoderKL.from_config(models.VAE))
    vae.tile_sample_min_size, vae.tile_latent_min_size = TILE, TILE // 8
    picture = vae.tiled_decode(noise("tiled z", (1, 4, 19, 13)) * 4).sample[0]
    whole = vae.decode(noise("tiled z", (1, 4, 19, 13)) * 4).sample[0]
    moments = vae._tiled_encode(noise("tiled picture", (1, 3, 152, 104)))[0]
    print("tiles against the whole:", float((picture - whole).norm() / whole.norm()))
    save_file(
        dict(picture=picture[:, ::3, ::3].contiguous(), moments=moments.contiguous()),
        models.OUT / "tiles.safetensors",
    )
