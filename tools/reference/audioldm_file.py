"""Goldens of a checkpoint of AudioLDM's authors: everything in one file, under their names, with
weights that a hash makes (models.py).

    python tools/reference/audioldm_file.py [full]

Writes tests/golden/audio: audioldm_file.json (shapes by name) and audioldm_file.safetensors (the
sound that diffusers makes of it, 16 bits a sample); for "full" the same of AudioLDM-S's size in
half precision, as full_audioldm_file.
"""

import json
import sys

import diffusers
import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import (
    ClapTextConfig,
    ClapTextModelWithProjection,
    RobertaTokenizer,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
)

import full_size
from audioldm import MEL_VAE, OUT, TEXT, UNET, VOCODER, case, run, save, tree_of
from models import noise, weight
from single_files import unet_name, vae_name

# In one file what shapes do not tell is as published: 32 to a head of the U-Net and 64 of the text,
# 32 groups of the autoencoder.
SMALL = dict(
    unet=dict(UNET, attention_head_dim=[1, 2, 3, 5]),
    vae=dict(MEL_VAE, block_out_channels=[32, 64, 64], norm_num_groups=32),
    text=dict(
        TEXT, hidden_size=64, intermediate_size=128, num_attention_heads=1, layer_norm_eps=1e-5
    ),
    vocoder=dict(
        VOCODER, resblock_kernel_sizes=[3, 7, 11], resblock_dilation_sizes=[[1, 3, 5]] * 3
    ),
)
WIDTHS = [128, 256, 384, 640]
FULL = dict(
    unet=dict(
        UNET,
        attention_head_dim=[4, 8, 12, 20],
        block_out_channels=WIDTHS,
        cross_attention_dim=WIDTHS,
        projection_class_embeddings_input_dim=512,
    ),
    vae=dict(
        MEL_VAE, block_out_channels=[128, 256, 512], layers_per_block=2, norm_num_groups=32
    ),
    text=dict(vocab_size=50265, max_position_embeddings=514, layer_norm_eps=1e-5),
    vocoder=dict(SMALL["vocoder"], model_in_dim=64, upsample_initial_channel=1024),
)
GAIN, SCALE_FACTOR = 0.9, 0.9
UNUSED = ("betas", "cond_stage_model.model.audio_branch.norm.weight", "model_ema.decay")


def file_weight(name, shape, full):
    if full:
        return weight(name, shape).half().float()
    if name.endswith("weight_g"):
        return GAIN + 0.3 * noise(name, shape)
    return weight(name, shape)


def load(model, rename, shapes, full):
    """Fills the model from tensors of the file, whose shapes it adds by their names there."""
    state = {}
    for key, value in model.state_dict().items():
        name, shape = rename(key), tuple(value.shape)
        if name is None or not value.is_floating_point():
            continue
        if "vocoder" in name and name.endswith("weight"):
            gains = (shape[0], *[1] * (len(shape) - 1))
            shapes.update({name + "_v": shape, name + "_g": gains})
            v, g = file_weight(name + "_v", shape, full), file_weight(name + "_g", gains, full)
            state[key] = v * g / v.flatten(1).norm(dim=1).reshape(gains)
        else:
            stored = (*shape, 1, 1) if ".attn_1." in name and len(shape) == 2 else shape
            shapes[name] = stored
            state[key] = file_weight(name, stored, full).reshape(shape)
    model.load_state_dict(state, strict=False)
    return model.eval()


def renamed_unet(key):
    if key.startswith("class_embedding."):
        return "model.diffusion_model.film_emb." + key.split(".")[1]
    return "model.diffusion_model." + unet_name(key, UNET)


def renamed_vocoder(key):
    if key in ("mean", "scale"):
        return None
    return "first_stage_model.vocoder." + key.replace("upsampler.", "ups.")


def renamed_text(key):
    renames = (
        ("text_model.", "text_branch."),
        ("text_projection.linear1.", "text_projection.0."),
        ("text_projection.linear2.", "text_projection.2."),
    )
    for ours, theirs in renames:
        if key.startswith(ours):
            return "cond_stage_model.model." + theirs + key[len(ours) :]
    return None


def main(full):
    diffusers.utils.logging.set_verbosity_error()
    tokenizer = RobertaTokenizer.from_pretrained(OUT / "roberta")
    spec, shapes = FULL if full else SMALL, {name: (3,) for name in UNUSED}
    vae = dict(spec["vae"], scaling_factor=SCALE_FACTOR)
    parts = dict(
        unet=load(UNet2DConditionModel.from_config(spec["unet"]), renamed_unet, shapes, full),
        vae=load(
            AutoencoderKL.from_config(vae),
            lambda key: "first_stage_model." + vae_name(key, 3),
            shapes,
            full,
        ),
        text_encoder=load(
            ClapTextModelWithProjection(ClapTextConfig(**spec["text"])), renamed_text, shapes, full
        ),
        vocoder=load(
            SpeechT5HifiGan(SpeechT5HifiGanConfig(**spec["vocoder"])),
            renamed_vocoder,
            shapes,
            full,
        ),
    )
    name = "full_audioldm_file" if full else "audioldm_file"
    request = case(steps=2 if full else 4)
    sound = run(parts, tokenizer, request)
    print(name, sound.shape, sound.std().round(4), np.abs(sound).max().round(3))
    save({"sound": torch.from_numpy((sound * 32767).round().astype(np.int16))}, name)
    shared = []
    tree = full_size.shared(tree_of(shapes), {}, shared) if full else tree_of(shapes)
    document = dict(
        gain=GAIN, scale_factor=SCALE_FACTOR, request=request, parts=shared, tensors=tree
    )
    content = json.dumps(document, separators=(",", ":")) + "\n"
    assert len(content) <= 65536, len(content)
    (OUT / f"{name}.json").write_text(content)


if __name__ == "__main__":
    with torch.no_grad():
        main(sys.argv[1:] == ["full"])
