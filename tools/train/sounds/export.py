"""Writes the trained parts as a diffusers folder, f16, as AudioLDMPipeline lays it out."""

import argparse
import shutil
from pathlib import Path

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

import checkpoint
import diffusion
import train_denoiser
import vocoder
import words


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("out")
    args.add_argument("--vae", default="vae.pt")
    args.add_argument("--unet", default="unet.pt")
    args.add_argument("--vocoder", default="vocoder.pt")
    args.add_argument("--tokenizer", default="tokenizer")
    args = args.parse_args()
    out = Path(args.out)
    shutil.copytree(args.tokenizer, out / "tokenizer", dirs_exist_ok=True)
    stored = checkpoint.read_unet(args.unet, "")
    vae_stored = checkpoint.read_vae(args.vae)
    vae = AutoencoderKL(**{**vae_stored["config"], "scaling_factor": stored["scaling"]})
    vae.load_state_dict(vae_stored["weights"])
    unet = UNet2DConditionModel(**train_denoiser.CONFIG)
    unet.load_state_dict(checkpoint.part(stored, "unet."))
    encoder = words.make_encoder(words.load_tokenizer(args.tokenizer))
    encoder.load_state_dict(checkpoint.part(stored, "text."))
    generator = vocoder.make_vocoder()
    generator.load_state_dict(checkpoint.read_vocoder(args.vocoder)["weights"])
    for module, name in ((vae, "vae"), (unet, "unet"), (encoder, "text_encoder"),
                         (generator, "vocoder")):
        module.half().save_pretrained(out / name)
    DDIMScheduler(**diffusion.SCHEDULER).save_pretrained(out / "scheduler")
    checkpoint.finish(out, {
        "_class_name": "AudioLDMPipeline", "_diffusers_version": "0.42.1", "_guidance_scale": 3.0,
        "_vocoder": "griffin-lim",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "ClapTextModelWithProjection"],
        "tokenizer": ["transformers", "RobertaTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
        "vocoder": ["transformers", "SpeechT5HifiGan"]})


if __name__ == "__main__":
    main()
