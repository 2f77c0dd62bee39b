"""Goldens of the full-size networks of Stable Diffusion 1.5 and XL, with f16 hash weights.

    python tools/reference/full_size.py [NAME...]

Needs 16 GB of memory for XL. Writes tests/golden/image/full_NAME.json (configuration, shapes by
name; equal parts of the tree once) and full_NAME.safetensors (results; large ones thinned out).
"""

import json
import sys

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

import models
from models import CROSS, CROSS_UP, DOWN, UP, noise

SD15 = dict(
    models.SD1_UNET,
    block_out_channels=[320, 640, 1280, 1280],
    cross_attention_dim=768,
    sample_size=64,
)
XL = dict(
    models.XL_UNET,
    attention_head_dim=[5, 10, 20],
    block_out_channels=[320, 640, 1280],
    cross_attention_dim=2048,
    down_block_types=[DOWN, CROSS, CROSS],
    up_block_types=[CROSS_UP, CROSS_UP, UP],
    sample_size=128,
    transformer_layers_per_block=[1, 2, 10],
    addition_time_embed_dim=256,
    projection_class_embeddings_input_dim=2816,
)
VAE = dict(
    models.VAE,
    block_out_channels=[128, 256, 512, 512],
    layers_per_block=2,
    norm_num_groups=32,
    sample_size=512,
)


def text(width, layers, act):
    return dict(
        hidden_size=width,
        intermediate_size=4 * width,
        num_attention_heads=width // 64,
        num_hidden_layers=layers,
        hidden_act=act,
        projection_dim=width,
        max_position_embeddings=77,
        vocab_size=49408,
        bos_token_id=49406,
        eos_token_id=49407,
    )


NETWORKS = dict(
    unet_sd15=(UNet2DConditionModel, SD15),
    unet_sdxl=(UNet2DConditionModel, XL),
    vae=(AutoencoderKL, VAE),
    vae_wide=(AutoencoderKL, models.VAE),  # small, for a picture whose tensors exceed a binding
    clip_l=(CLIPTextModel, text(768, 12, "quick_gelu")),
    clip_h=(CLIPTextModel, text(1024, 23, "gelu")),
    clip_g=(CLIPTextModelWithProjection, text(1280, 32, "gelu")),
)


def build(cls, config):
    """The network without its own initialisation, which would take longer than all the rest."""
    with torch.device("meta"):
        model = cls(CLIPTextConfig(**config)) if "Text" in cls.__name__ else cls.from_config(config)
    shapes = {k: tuple(v.shape) for k, v in model.state_dict().items() if v.is_floating_point()}
    model = model.to_empty(device="cpu")
    for name, target in model.state_dict().items():
        if name in shapes:
            target.copy_(models.weight(name, shapes[name]).half())
    for module in model.modules():
        if hasattr(module, "position_ids"):
            module.position_ids = torch.arange(77)[None]
    return model.eval(), shapes


def results(name, model):
    if name == "vae_wide":
        return dict(picture=model.decode(noise("z", (1, 4, 130, 128)) * 4).sample[:, :, ::16, ::16])
    if name == "vae":
        return dict(
            picture=model.decode(noise("z", (1, 4, 16, 12)) * 4).sample[:, :, ::2, ::2],
            moments=model.encode(noise("picture", (1, 3, 64, 48))).latent_dist.parameters,
        )
    if name.startswith("clip"):
        out = model(models.ids_for("ids", 49408, 49407), output_hidden_states=True)
        found = dict(hidden=out.hidden_states[-2][:, ::8])
        return (
            dict(found, pooled=out.text_embeds)
            if name == "clip_g"
            else dict(found, last=out.last_hidden_state[:, ::16])
        )
    inputs = dict(
        sample=noise("latent", (1, 4, 32, 32)) * 2,
        timestep=torch.tensor([981.0]),
        encoder_hidden_states=noise("context", (1, 77, model.config.cross_attention_dim)) * 2,
    )
    if name == "unet_sdxl":
        inputs["added_cond_kwargs"] = dict(
            text_embeds=noise("pooled", (1, 1280)) * 2,
            time_ids=(noise("time_ids", (1, 6)) + 1) * 500,
        )
    return dict(unet=model(**inputs).sample)


def shared(tree, known, parts):
    """The tree with equal subtrees as "#n", an entry of parts."""
    if not isinstance(tree, dict):
        return tree
    key = json.dumps({k: shared(v, known, parts) for k, v in tree.items()})
    if key not in known:
        known[key] = f"#{len(parts)}"
        parts.append(json.loads(key))
    return known[key]


def main(names):
    for name in names or NETWORKS:
        cls, config = NETWORKS[name]
        model, shapes = build(cls, config)
        tree, parts = {}, []
        for key, shape in shapes.items():
            node = tree
            *path, leaf = key.split(".")
            for part in path:
                node = node.setdefault(part, {})
            node[leaf] = list(shape)
        root = shared(tree, {}, parts)
        document = dict(
            source=f"diffusers {diffusers.__version__}, transformers {transformers.__version__}, "
            f"torch {torch.__version__}",
            config=config,
            parts=parts,
            tensors=root,
        )
        (models.OUT / f"full_{name}.json").write_text(
            json.dumps(document, separators=(",", ":")) + "\n"
        )
        found = {k: v.contiguous() for k, v in results(name, model).items()}
        save_file(found, models.OUT / f"full_{name}.safetensors")
        (models.OUT / f"full_{name}.safetensors").chmod(0o644)
        print(
            name,
            sum(torch.Size(s).numel() for s in shapes.values()),
            {k: (tuple(v.shape), round(v.std().item(), 3)) for k, v in found.items()},
            flush=True,
        )


if __name__ == "__main__":
    with torch.no_grad():
        main(sys.argv[1:])
