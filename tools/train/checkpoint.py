"""Reads what a trainer stored (.pt), or what export.py wrote (a folder), to go on from it."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file


def single(path, name="diffusion_pytorch_model.safetensors"):
    return {k: v.float() for k, v in load_file(Path(path) / name).items()}


def read_vae(path):
    """{"config": arguments of AutoencoderKL, "weights": ...}"""
    if not Path(path).is_dir():
        return torch.load(path)
    config = json.loads((Path(path) / "vae" / "config.json").read_text())
    return {"config": {k: v for k, v in config.items() if not k.startswith("_")},
            "weights": single(Path(path) / "vae")}


def read_unet(path):
    """{"scaling": the latents' factor, "weights": of the U-Net and the text encoder}"""
    if not Path(path).is_dir():
        return torch.load(path)
    folder = Path(path)
    weights = {"unet." + k: v for k, v in single(folder / "unet").items()}
    encoder = single(folder / "text_encoder", "model.safetensors")
    weights.update({"text." + k.removeprefix("text_model."): v for k, v in encoder.items()})
    return {"scaling": read_vae(path)["config"]["scaling_factor"], "weights": weights}
