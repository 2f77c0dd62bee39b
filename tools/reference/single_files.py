"""Goldens of checkpoints in one file, under the names of the latent diffusion code base.

    python tools/reference/single_files.py [full]

The names are made here from those of diffusers, and diffusers' own converters prove them: what they
make of the file is loaded into its networks, whose pictures are the goldens. Writes
tests/golden/image/NAME_file.json (shapes by name) and single_files.safetensors (pictures).
With "full",
which needs 12 GB of memory: one of Stable Diffusion 1.5's size, in half precision, at 256 x 256.
"""

import functools
import json
import re
import sys

import diffusers
import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders import single_file_utils as ldm
from safetensors.numpy import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

import full_size
import models
import pipelines

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
V_MARK = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"


def replaced(name, table):
    for ours, theirs in table.items():
        if name.startswith(ours + "."):
            return theirs + name[len(ours) :]
    raise KeyError(name)


def unet_name(name, config, layers=2):
    """The name in LDM of a tensor of UNet2DConditionModel."""
    down = re.fullmatch(r"down_blocks\.(\d)\.(resnets|attentions|downsamplers)\.(\d)\.(.*)", name)
    if down:
        level, kind, index, rest = int(down[1]), down[2], int(down[3]), down[4]
        if kind == "downsamplers":
            return (
                f"input_blocks.{level * (layers + 1) + layers + 1}.0.{rest.replace('conv', 'op')}"
            )
        here = f"input_blocks.{level * (layers + 1) + 1 + index}"
        return f"{here}.0.{replaced(rest, RESNET)}" if kind == "resnets" else f"{here}.1.{rest}"
    up = re.fullmatch(r"up_blocks\.(\d)\.(resnets|attentions|upsamplers)\.(\d)\.(.*)", name)
    if up:
        level, kind, index, rest = int(up[1]), up[2], int(up[3]), up[4]
        if kind == "upsamplers":
            last = 2 if "CrossAttn" in config["up_block_types"][level] else 1
            return f"output_blocks.{level * (layers + 1) + layers}.{last}.{rest}"
        here = f"output_blocks.{level * (layers + 1) + index}"
        return f"{here}.0.{replaced(rest, RESNET)}" if kind == "resnets" else f"{here}.1.{rest}"
    mid = re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name)
    if mid:
        return (
            f"middle_block.{2 * int(mid[2])}.{replaced(mid[3], RESNET)}"
            if mid[1] == "resnets"
            else f"middle_block.1.{mid[3]}"
        )
    return replaced(name, ENDS)


def vae_name(name, levels=4):
    table = {
        "mid_block.resnets.0": "mid.block_1",
        "mid_block.resnets.1": "mid.block_2",
        "mid_block.attentions.0.group_norm": "mid.attn_1.norm",
        "mid_block.attentions.0.to_q": "mid.attn_1.q",
        "mid_block.attentions.0.to_k": "mid.attn_1.k",
        "mid_block.attentions.0.to_v": "mid.attn_1.v",
        "mid_block.attentions.0.to_out.0": "mid.attn_1.proj_out",
        "conv_norm_out": "norm_out",
        "conv_in": "conv_in",
        "conv_out": "conv_out",
    }
    half, _, rest = name.partition(".")
    if half not in ("encoder", "decoder"):
        return name
    rest = rest.replace("conv_shortcut", "nin_shortcut")
    level = re.fullmatch(
        r"(down|up)_blocks\.(\d)\.(resnets|downsamplers|upsamplers)\.(\d)\.(.*)", rest
    )
    if not level:
        return f"{half}.{replaced(rest, table)}"
    i = int(level[2]) if level[1] == "down" else levels - 1 - int(level[2])
    kind = {"resnets": f"block.{level[4]}", "downsamplers": "downsample", "upsamplers": "upsample"}[
        level[3]
    ]
    return f"{half}.{level[1]}.{i}.{kind}.{level[5]}"


def openclip_shapes(model):
    """Names and shapes of an OpenCLIP text tower as large as a CLIPTextModelWithProjection."""
    c = model.config
    w, h = c.hidden_size, c.intermediate_size
    shapes = {
        "token_embedding.weight": (c.vocab_size, w),
        "positional_embedding": (77, w),
        "text_projection": (w, c.projection_dim),
        "ln_final.weight": (w,),
        "ln_final.bias": (w,),
    }
    for i in range(c.num_hidden_layers):
        here = f"transformer.resblocks.{i}."
        for norm in ("ln_1", "ln_2"):
            shapes.update({f"{here}{norm}.weight": (w,), f"{here}{norm}.bias": (w,)})
        shapes.update(
            {
                f"{here}attn.in_proj_weight": (3 * w, w),
                f"{here}attn.in_proj_bias": (3 * w,),
                f"{here}attn.out_proj.weight": (w, w),
                f"{here}attn.out_proj.bias": (w,),
                f"{here}mlp.c_fc.weight": (h, w),
                f"{here}mlp.c_fc.bias": (h,),
                f"{here}mlp.c_proj.weight": (w, h),
                f"{here}mlp.c_proj.bias": (w,),
            }
        )
    return shapes


def conv_shaped(name, shape, spatial):
    """The autoencoder's attention, and SD 1.x's around its transformers, is 1x1 convolutions."""
    inside = re.search(r"attn_1\.(q|k|v|proj_out)\.weight$", name) or (
        spatial and re.search(r"\.1\.proj_(in|out)\.weight$", name)
    )
    return (*shape, 1, 1) if inside and len(shape) == 2 else shape


def text(width, layers, act, projection, full):
    if full:
        return CLIPTextConfig(**full_size.text(width, layers, act))
    vocabulary = models.small_vocabulary()
    return CLIPTextConfig(
        hidden_size=width,
        intermediate_size=64,
        num_attention_heads=width // 64,
        num_hidden_layers=layers,
        hidden_act=act,
        projection_dim=projection,
        max_position_embeddings=77,
        vocab_size=len(vocabulary),
        bos_token_id=vocabulary["<|startoftext|>"],
        eos_token_id=vocabulary["<|endoftext|>"],
    )


VAE = dict(models.VAE, block_out_channels=[32, 64, 64, 64], norm_num_groups=32)
L, H, G = (768, "quick_gelu", 768), (1024, "gelu", 1024), (1280, "gelu", 1280)
SD2 = dict(
    models.SD2_UNET,
    attention_head_dim=[1, 2, 2, 2],
    block_out_channels=[64, 128, 128, 128],
    cross_attention_dim=1024,
)
XL = dict(
    models.XL_UNET,
    attention_head_dim=[1, 1, 2],
    block_out_channels=[64, 64, 128],
    cross_attention_dim=2048,
    addition_time_embed_dim=256,
    projection_class_embeddings_input_dim=2816,
    transformer_layers_per_block=[1, 1, 2],
)
REFINER = dict(
    models.REFINER_UNET,
    attention_head_dim=[1, 1, 2, 2],
    block_out_channels=[64, 64, 128, 128],
    cross_attention_dim=1280,
    addition_time_embed_dim=256,
    projection_class_embeddings_input_dim=2560,
    transformer_layers_per_block=1,
)
FAMILIES = dict(
    sd1=dict(
        unet=dict(models.SD1_UNET, cross_attention_dim=768),
        vae=VAE,
        scheduler=models.SD1_SCHEDULER,
        pipeline="StableDiffusionPipeline",
        texts=[("cond_stage_model.transformer.text_model.", L, 2)],
    ),
    sd2=dict(
        unet=SD2,
        vae=VAE,
        scheduler=models.V_SCHEDULER,
        pipeline="StableDiffusionPipeline",
        pads=["!"],
        texts=[("cond_stage_model.model.", H, 3)],
    ),
    sdxl=dict(
        unet=XL,
        vae=dict(VAE, scaling_factor=0.13025),
        scheduler=models.XL_SCHEDULER,
        pads=[None, "!"],
        pipeline="StableDiffusionXLPipeline",
        options=dict(force_zeros_for_empty_prompt=True),
        texts=[
            ("conditioner.embedders.0.transformer.text_model.", L, 2),
            ("conditioner.embedders.1.model.", G, 2),
        ],
    ),
    refiner=dict(
        unet=REFINER,
        vae=dict(VAE, scaling_factor=0.13025),
        scheduler=models.XL_SCHEDULER,
        pads=["!"],
        pipeline="StableDiffusionXLImg2ImgPipeline",
        options=dict(force_zeros_for_empty_prompt=False, requires_aesthetics_score=True),
        texts=[None, ("conditioner.embedders.0.model.", G, 2)],
    ),
)
FULL = dict(
    unet=full_size.SD15,
    vae=full_size.VAE,
    scheduler=models.SD1_SCHEDULER,
    full=True,
    tokenizer="clip",
    pipeline="StableDiffusionPipeline",
    texts=[("cond_stage_model.transformer.text_model.", L, 12)],
)
REQUESTS = dict(
    sd1={},
    sd2=dict(negative="blue"),
    sdxl={},
    refiner=dict(init="portrait", strength=0.6, negative="blue"),
)


def make_text(spec, shapes, full):
    """The text encoder to load, and its tensors in the file."""
    prefix, (width, act, projection), layers = spec
    if act == "quick_gelu":
        model = CLIPTextModel(text(width, layers, act, projection, full))
        shapes.update({prefix + k: tuple(v.shape) for k, v in model.state_dict().items()})
        return model, layers
    projected = "conditioner" in prefix
    full = CLIPTextModelWithProjection(text(width, layers, act, projection, full))
    shapes.update({prefix + k: v for k, v in openclip_shapes(full).items()})
    if projected:
        return full, layers
    # SD 2.x was trained on the states before the last layer, which transformers' form leaves out.
    return CLIPTextModel(text(width, layers - 1, act, projection, full)), layers - 1


def load_text(model, spec, state):
    prefix, (_, act, _), _ = spec
    if act == "quick_gelu":
        converted = ldm.convert_ldm_clip_checkpoint(
            {k: v for k, v in state.items() if k.startswith(prefix)},
            remove_prefix=prefix.removesuffix("text_model."),
        )
    else:
        converted = ldm.convert_open_clip_checkpoint(model, state, prefix=prefix)
    if isinstance(model, CLIPTextModel):
        converted = {k.removeprefix("text_model."): v for k, v in converted.items()}
    missing, _ = model.load_state_dict(converted, strict=False)
    assert not missing, missing


def make(spec):
    spatial = not spec["unet"].get("use_linear_projection")
    unet, vae = UNet2DConditionModel.from_config(spec["unet"]), AutoencoderKL.from_config(
        spec["vae"]
    )
    shapes = {}
    for name, value in unet.state_dict().items():
        key = "model.diffusion_model." + unet_name(name, spec["unet"])
        shapes[key] = conv_shaped(key, tuple(value.shape), spatial)
    for name, value in vae.state_dict().items():
        key = "first_stage_model." + vae_name(name)
        shapes[key] = conv_shaped(key, tuple(value.shape), False)
    texts = [make_text(t, shapes, spec.get("full"))[0] if t else None for t in spec["texts"]]
    half = (lambda x: x.half().float()) if spec.get("full") else lambda x: x
    state = {k: half(models.weight(k, s)) for k, s in shapes.items()}
    if "v_prediction" in json.dumps(spec["scheduler"]):
        state[V_MARK] = state[V_MARK] * 2

    config = dict(unet.config, class_embed_type=None)
    unet.load_state_dict(ldm.convert_ldm_unet_checkpoint(dict(state), config=config))
    vae.load_state_dict(ldm.convert_ldm_vae_checkpoint(dict(state), config=vae.config))
    for model, t in zip(texts, spec["texts"]):
        if model is not None:
            load_text(model.eval(), t, state)
    return (unet.eval(), vae.eval(), texts), shapes


def tree_of(shapes):
    tree = {}
    for key, shape in shapes.items():
        *path, leaf = key.split(".")
        functools.reduce(lambda node, part: node.setdefault(part, {}), path, tree)[leaf] = list(
            shape
        )
    return tree


def write_names(name, shapes):
    document = dict(
        source=f"diffusers {diffusers.__version__}, torch {torch.__version__}",
        tensors=tree_of(shapes),
    )
    content = json.dumps(document, separators=(",", ":")) + "\n"
    assert len(content) <= 65536, (name, len(content))
    (models.OUT / f"{name}_file.json").write_text(content)


def main_full():
    """Every fourth pixel each way of one picture."""
    built, shapes = make(FULL)
    write_names("full_sd15", shapes)
    picture = pipelines.run(FULL, built, pipelines.case(width=256, height=256, steps=3))
    print("full", picture.mean().round(2), picture.std().round(2))
    save_file(
        dict(picture=np.ascontiguousarray(picture[:, ::4, ::4])),
        models.OUT / "full_sd15_file.safetensors",
    )


def main():
    pictures = {}
    for name, spec in FAMILIES.items():
        built, shapes = make(spec)
        write_names(name, shapes)
        request = pipelines.case(**REQUESTS[name])
        pictures[name] = pipelines.run(dict(spec, tokenizer="small"), built, request)
        print(
            name,
            pictures[name].shape,
            pictures[name].mean().round(2),
            pictures[name].std().round(2),
        )
    save_file(pictures, models.OUT / "single_files.safetensors")


if __name__ == "__main__":
    with torch.no_grad():
        main_full() if sys.argv[1:] == ["full"] else main()
