"""Writes the trained parts as a diffusers folder, f16, as StableDiffusionPipeline lays it out."""

import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import save_file

import checkpoint
import diffusion
import text
import train_unet


def save_encoder(encoder, folder):
    """As the checkpoints of Stable Diffusion hold it: newer libraries leave out the prefix."""
    encoder.half().save_pretrained(folder)
    weights = {k if k.startswith("text_model.") else "text_model." + k: v.contiguous()
               for k, v in encoder.state_dict().items() if not k.endswith("position_ids")}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["torch_dtype"] = "float16"
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("out")
    args.add_argument("--vae", default="vae.pt")
    args.add_argument("--unet", default="unet.pt")
    args.add_argument("--tokenizer", default="tokenizer")
    args = args.parse_args()
    out = Path(args.out)
    shutil.copytree(args.tokenizer, out / "tokenizer", dirs_exist_ok=True)
    stored = checkpoint.read_unet(args.unet)
    vae_stored = checkpoint.read_vae(args.vae)
    vae = AutoencoderKL(**{**vae_stored["config"], "scaling_factor": stored["scaling"]})
    vae.load_state_dict(vae_stored["weights"])
    unet = UNet2DConditionModel(**train_unet.CONFIG)
    encoder = text.make_encoder(text.load_tokenizer(args.tokenizer))
    for module, prefix in ((unet, "unet."), (encoder, "text.")):
        module.load_state_dict(checkpoint.part(stored, prefix))
    vae.half().save_pretrained(out / "vae")
    unet.half().save_pretrained(out / "unet")
    save_encoder(encoder, out / "text_encoder")
    DDIMScheduler(**diffusion.SCHEDULER).save_pretrained(out / "scheduler")
    index = {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1",
             "_guidance_scale": 3.0,
             "feature_extractor": [None, None], "image_encoder": [None, None],
             "requires_safety_checker": False, "safety_checker": [None, None],
             "scheduler": ["diffusers", "DDIMScheduler"],
             "text_encoder": ["transformers", "CLIPTextModel"],
             "tokenizer": ["transformers", "CLIPTokenizer"],
             "unet": ["diffusers", "UNet2DConditionModel"],
             "vae": ["diffusers", "AutoencoderKL"]}
    checkpoint.finish(out, index)


if __name__ == "__main__":
    main()
