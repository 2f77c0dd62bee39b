"""Goldens of the networks and pipelines of latent diffusion: diffusers and transformers with
weights that a hash makes, so that only configurations, tensor names and results are stored.

    python tools/reference/models.py [NAME...]

Writes tests/golden/image: NAME.json (the model's folder without weights) and NAME.safetensors (what
each network makes of inputs from the same hash). tests/image/models.h is the other half.
"""

import functools
import json
import math
import sys
from pathlib import Path

import diffusers
import numpy as np
import torch
import transformers
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/golden/image"
torch.set_num_threads(1)
torch.set_grad_enabled(False)


def noise(name, shape):
    """Uniform in [-1, 1), a multiple of 2^-23: splitmix64 of FNV-1a of name and position."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) % 2**64
    count = math.prod(shape)
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(
            0x9E3779B97F4A7C15
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    values = (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return torch.from_numpy(values).reshape(shape)


def weight(name, shape):
    """Off the initial values everywhere, and of a size that keeps activations moderate."""
    u = noise(name, shape)
    if name.endswith("embedding.weight"):
        return u * 0.5
    if len(shape) >= 2:
        return u * np.float32(math.sqrt(3.0 / math.prod(shape[1:])))
    return 1 + u * 0.25 if name.endswith("weight") else u * 0.125


def fill(model):
    state = {
        k: weight(k, tuple(v.shape)) for k, v in model.state_dict().items() if v.is_floating_point()
    }
    model.load_state_dict(state, strict=False)
    return model.eval()


SD1_SCHEDULER = dict(
    _class_name="PNDMScheduler",
    beta_end=0.012,
    beta_schedule="scaled_linear",
    beta_start=0.00085,
    num_train_timesteps=1000,
    set_alpha_to_one=False,
    skip_prk_steps=True,
    steps_offset=1,
    trained_betas=None,
    clip_sample=False,
)
V_SCHEDULER = dict(SD1_SCHEDULER, _class_name="DDIMScheduler", prediction_type="v_prediction")
XL_SCHEDULER = dict(
    _class_name="EulerDiscreteScheduler",
    beta_end=0.012,
    beta_schedule="scaled_linear",
    beta_start=0.00085,
    interpolation_type="linear",
    num_train_timesteps=1000,
    prediction_type="epsilon",
    sample_max_value=1.0,
    set_alpha_to_one=False,
    skip_prk_steps=True,
    steps_offset=1,
    timestep_spacing="leading",
    trained_betas=None,
    use_karras_sigmas=False,
    clip_sample=False,
)
LCM_SCHEDULER = dict(
    SD1_SCHEDULER, _class_name="LCMScheduler", original_inference_steps=50, timestep_scaling=10.0
)

CROSS, DOWN, UP = "CrossAttnDownBlock2D", "DownBlock2D", "UpBlock2D"
CROSS_UP = "CrossAttnUpBlock2D"
SD1_UNET = dict(
    act_fn="silu",
    attention_head_dim=8,
    block_out_channels=[32, 64, 64, 64],
    center_input_sample=False,
    cross_attention_dim=32,
    down_block_types=[CROSS, CROSS, CROSS, DOWN],
    downsample_padding=1,
    flip_sin_to_cos=True,
    freq_shift=0,
    in_channels=4,
    layers_per_block=2,
    mid_block_scale_factor=1,
    norm_eps=1e-05,
    norm_num_groups=32,
    out_channels=4,
    sample_size=8,
    up_block_types=[UP, CROSS_UP, CROSS_UP, CROSS_UP],
)
SD2_UNET = dict(
    SD1_UNET,
    attention_head_dim=[2, 4, 4, 4],
    cross_attention_dim=48,
    use_linear_projection=True,
    upcast_attention=True,
    dual_cross_attention=False,
    num_class_embeds=None,
    only_cross_attention=False,
)
XL_UNET = dict(
    SD1_UNET,
    attention_head_dim=[1, 2, 4],
    block_out_channels=[32, 64, 96],
    cross_attention_dim=72,
    down_block_types=[DOWN, CROSS, CROSS],
    up_block_types=[CROSS_UP, CROSS_UP, UP],
    transformer_layers_per_block=[1, 2, 3],
    use_linear_projection=True,
    addition_embed_type="text_time",
    addition_time_embed_dim=8,
    projection_class_embeddings_input_dim=24 + 6 * 8,
    sample_size=8,
)
REFINER_UNET = dict(
    XL_UNET,
    attention_head_dim=[2, 2, 4, 4],
    block_out_channels=[32, 64, 96, 96],
    cross_attention_dim=40,
    down_block_types=[DOWN, CROSS, CROSS, DOWN],
    up_block_types=[UP, CROSS_UP, CROSS_UP, UP],
    transformer_layers_per_block=2,
    projection_class_embeddings_input_dim=24 + 5 * 8,
)

VAE = dict(
    act_fn="silu",
    block_out_channels=[16, 32, 32, 32],
    down_block_types=["DownEncoderBlock2D"] * 4,
    in_channels=3,
    latent_channels=4,
    layers_per_block=1,
    norm_num_groups=8,
    out_channels=3,
    sample_size=64,
    up_block_types=["UpDecoderBlock2D"] * 4,
)
XL_VAE = dict(VAE, force_upcast=True, scaling_factor=0.13025, layers_per_block=2)


def text(width, heads, layers, act, projection=24, **more):
    return dict(
        hidden_size=width,
        intermediate_size=3 * width,
        num_attention_heads=heads,
        num_hidden_layers=layers,
        hidden_act=act,
        projection_dim=projection,
        max_position_embeddings=77,
        layer_norm_eps=1e-05,
        **more,
    )


# tokenizer: "small" (in tests/golden/text) or "clip" (CLIP's own vocabulary); a pad other than EOS.
MODELS = dict(
    sd1=dict(
        pipeline="StableDiffusionPipeline",
        unet=SD1_UNET,
        vae=VAE,
        scheduler=SD1_SCHEDULER,
        tokenizer="clip",
        texts=[text(32, 4, 3, "quick_gelu", eos_token_id=2)],
    ),
    sd2=dict(
        pipeline="StableDiffusionPipeline",
        unet=SD2_UNET,
        vae=VAE,
        scheduler=V_SCHEDULER,
        tokenizer="small",
        pads=["!"],
        texts=[text(48, 3, 3, "gelu")],
    ),
    sdxl=dict(
        pipeline="StableDiffusionXLPipeline",
        unet=XL_UNET,
        vae=XL_VAE,
        scheduler=XL_SCHEDULER,
        tokenizer="small",
        pads=[None, "!"],
        options=dict(force_zeros_for_empty_prompt=True),
        texts=[text(32, 4, 3, "quick_gelu"), text(40, 5, 4, "gelu")],
    ),
    refiner=dict(
        pipeline="StableDiffusionXLImg2ImgPipeline",
        unet=REFINER_UNET,
        vae=XL_VAE,
        scheduler=XL_SCHEDULER,
        tokenizer="small",
        pads=["!"],
        options=dict(force_zeros_for_empty_prompt=False, requires_aesthetics_score=True),
        texts=[None, text(40, 5, 4, "gelu")],
    ),
    lcm=dict(
        pipeline="LatentConsistencyModelPipeline",
        unet=dict(SD1_UNET, time_cond_proj_dim=16),
        vae=VAE,
        scheduler=LCM_SCHEDULER,
        tokenizer="small",
        texts=[text(32, 4, 3, "quick_gelu")],
    ),
    inpaint=dict(
        pipeline="StableDiffusionInpaintPipeline",
        unet=dict(SD1_UNET, in_channels=9),
        vae=VAE,
        scheduler=SD1_SCHEDULER,
        tokenizer="small",
        texts=[text(32, 4, 3, "quick_gelu")],
    ),
)


def small_vocabulary():
    return json.loads((ROOT / "tests/golden/text/small/vocab.json").read_text(encoding="utf-8"))


def text_configs(spec):
    """What the text encoders' config.json says, with the ids of the tokenizer's special tokens."""
    vocabulary = (
        small_vocabulary()
        if spec["tokenizer"] == "small"
        else {"<|startoftext|>": 49406, "<|endoftext|>": 49407}
    )
    size = max(vocabulary.values()) + 1
    configs = []
    for config in spec["texts"]:
        if config:
            ends = dict(
                bos_token_id=vocabulary["<|startoftext|>"], eos_token_id=vocabulary["<|endoftext|>"]
            )
            configs.append(
                dict(ends, vocab_size=size, **config)
                if "eos_token_id" not in config
                else dict(config, bos_token_id=0, vocab_size=size)
            )
        else:
            configs.append(None)
    return configs


def build(spec):
    unet = fill(UNet2DConditionModel.from_config(spec["unet"]))
    vae = fill(AutoencoderKL.from_config(spec["vae"]))
    texts = []
    for i, config in enumerate(text_configs(spec)):
        projected = i == 1
        cls = CLIPTextModelWithProjection if projected else CLIPTextModel
        texts.append(fill(cls(CLIPTextConfig(**config))) if config else None)
    return unet, vae, texts


def describe(name, spec, unet, vae, texts):
    """The folder as JSON: files by path, and for weights the shapes by the parts of the names."""
    index = dict(
        _class_name=spec["pipeline"],
        _diffusers_version=diffusers.__version__,
        **spec.get("options", {}),
    )
    files, tensors = {}, {}

    def add(component, library, model, config, stem):
        index[component] = [library, type(model).__name__]
        files[f"{component}/config.json"] = config
        tree = tensors[f"{component}/{stem}.safetensors"] = {}
        for k, v in model.state_dict().items():
            if v.is_floating_point():
                *path, leaf = k.split(".")
                functools.reduce(lambda node, part: node.setdefault(part, {}), path, tree)[leaf] = (
                    list(v.shape)
                )

    add(
        "unet",
        "diffusers",
        unet,
        dict(_class_name="UNet2DConditionModel", **spec["unet"]),
        "diffusion_pytorch_model",
    )
    add(
        "vae",
        "diffusers",
        vae,
        dict(_class_name="AutoencoderKL", **spec["vae"]),
        "diffusion_pytorch_model",
    )
    for suffix, model, config in zip(("", "_2"), texts, text_configs(spec)):
        if model is None:
            index["text_encoder" + suffix] = index["tokenizer" + suffix] = [None, None]
            continue
        add("text_encoder" + suffix, "transformers", model, config, "model")
        index["tokenizer" + suffix] = ["transformers", "CLIPTokenizer"]
    index["scheduler"] = ["diffusers", spec["scheduler"]["_class_name"]]
    files["scheduler/scheduler_config.json"] = spec["scheduler"]
    files["model_index.json"] = index
    pads = spec.get("pads") or [None] * 2
    encoders = [s for s, m in zip(("", "_2"), texts) if m is not None]
    tokenizers = {
        f"tokenizer{s}": {"kind": spec["tokenizer"], "pad": pads[i]} for i, s in enumerate(encoders)
    }
    document = dict(
        source=f"diffusers {diffusers.__version__}, transformers {transformers.__version__}, "
        f"torch {torch.__version__}",
        files=files,
        tokenizers=tokenizers,
        tensors=tensors,
    )
    lines = json.dumps(document, separators=(",", ":"))
    assert len(lines) <= 65536, (name, len(lines))
    (OUT / f"{name}.json").write_text(lines + "\n")


def ids_for(name, vocabulary, end):
    """77 tokens with the end before the last third; the rest repeats the end, as CLIP pads."""
    ids = ((noise(name, (1, 77)) + 1) * 0.5 * (vocabulary - 2)).to(torch.int64)
    ids[0, 50:] = end
    return ids


def network_goldens(spec, unet, vae, texts):
    results = {}
    for i, (model, config) in enumerate(zip(texts, text_configs(spec))):
        if model is None:
            continue
        end = config["vocab_size"] - 1
        out = model(ids_for(f"ids{i}", config["vocab_size"], end), output_hidden_states=True)
        results[f"text{i}.hidden"] = out.hidden_states[-2]
        if i == 1:
            results[f"text{i}.pooled"] = out.text_embeds
        else:
            results[f"text{i}.last"] = out.last_hidden_state
            results[f"text{i}.pooled"] = out.pooler_output
    c = unet.config
    inputs = dict(
        sample=noise("latent", (2, c.in_channels, 9, 7)) * 2,
        timestep=torch.tensor([981.0, 20.5]),
        encoder_hidden_states=noise("context", (2, 77, c.cross_attention_dim)) * 2,
    )
    if c.addition_embed_type:
        ids = (c.projection_class_embeddings_input_dim - 24) // c.addition_time_embed_dim
        inputs["added_cond_kwargs"] = dict(
            text_embeds=noise("pooled", (2, 24)) * 2,
            time_ids=(noise("time_ids", (2, ids)) + 1) * 500,
        )
    if c.time_cond_proj_dim:
        inputs["timestep_cond"] = noise("guidance", (2, c.time_cond_proj_dim))
    results["unet"] = unet(**inputs).sample
    results["vae.picture"] = vae.decode(noise("z", (1, 4, 5, 3)) * 4).sample
    results["vae.moments"] = vae.encode(noise("picture", (1, 3, 40, 24))).latent_dist.parameters
    return results


def main(names):
    OUT.mkdir(parents=True, exist_ok=True)
    for name in names or MODELS:
        spec = MODELS[name]
        unet, vae, texts = build(spec)
        describe(name, spec, unet, vae, texts)
        results = network_goldens(spec, unet, vae, texts)
        path = OUT / f"{name}.safetensors"
        save_file({k: v.contiguous() for k, v in results.items()}, path)
        assert path.stat().st_size <= 65536, (name, path.stat().st_size)
        print(name, {k: (tuple(v.shape), round(v.std().item(), 3)) for k, v in results.items()})


if __name__ == "__main__":
    main(sys.argv[1:])
