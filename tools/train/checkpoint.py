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


def read_unet(path, prefix="text_model."):
    """{"scaling": the latents' factor, "weights": of the U-Net and the text encoder}, and what else
    a trainer stored. prefix: what the text encoder's names have in a folder alone."""
    if not Path(path).is_dir():
        return torch.load(path)
    folder = Path(path)
    weights = {"unet." + k: v for k, v in single(folder / "unet").items()}
    encoder = single(folder / "text_encoder", "model.safetensors")
    weights.update({"text." + k.removeprefix(prefix): v for k, v in encoder.items()})
    return {"scaling": read_vae(path)["config"]["scaling_factor"], "weights": weights}


def read_vocoder(path):
    """{"weights": ...}, and what else a trainer stored."""
    if not Path(path).is_dir():
        return torch.load(path)
    return {"weights": single(Path(path) / "vocoder", "model.safetensors")}


def part(stored, prefix):
    """The weights of one part of a model, without the prefix."""
    return {k[len(prefix):]: v for k, v in stored["weights"].items() if k.startswith(prefix)}


def finish(out, index):
    """The pipeline's model_index.json; the folder is readable to all, its size is printed."""
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    for file in out.rglob("*"):   # some writers leave their files unreadable to others
        file.chmod(0o755 if file.is_dir() else 0o644)
    total = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    print(f"{total / 1e6:.1f} MB")
