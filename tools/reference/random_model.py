"""A model of the shape of Stable Diffusion 1.5 or XL or AudioLDM 2 with random f16 weights, to
measure memory and time with: it makes nothing, but takes what the real one takes.

    python tools/reference/random_model.py sd15|sdxl|audioldm2 FOLDER
    python tools/reference/random_model.py sd15 FILE.safetensors

Writes 2 to 7 GB as diffusers would, in a minute: every weight repeats one block of noise. In one
file, the tensors have the names of the latent diffusion code base.
"""

import json
import math
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

import audioldm2
import full_size
import models
import single_files

BLOCK = np.random.default_rng(1).uniform(-1, 1, 1 << 20).astype(np.float32)

SD15 = dict(
    pipeline="StableDiffusionPipeline",
    unet=full_size.SD15,
    vae=full_size.VAE,
    scheduler=models.SD1_SCHEDULER,
    texts=[full_size.text(768, 12, "quick_gelu")],
)
XL = dict(
    pipeline="StableDiffusionXLPipeline",
    unet=full_size.XL,
    vae=dict(full_size.VAE, sample_size=1024, scaling_factor=0.13025, force_upcast=True),
    scheduler=models.XL_SCHEDULER,
    options=dict(force_zeros_for_empty_prompt=True),
    texts=[full_size.text(768, 12, "quick_gelu"), full_size.text(1280, 32, "gelu")],
)


def values(name, shape):
    """As models.weight() sizes them."""
    if name.endswith("embedding.weight"):
        return BLOCK * 0.5
    if len(shape) >= 2:
        return BLOCK * math.sqrt(3.0 / math.prod(shape[1:]))
    return 1 + BLOCK * 0.25 if name.endswith("weight") else BLOCK * 0.125


def write(path, shapes):
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * math.prod(shape)
        header[name] = dict(dtype="F16", shape=list(shape), data_offsets=[begin, end])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes.items():
            block = values(name, shape).astype(np.float16)
            left = math.prod(shape)
            while left > 0:
                file.write(block[:left].tobytes())
                left -= len(block)


def shapes_of(cls, config):
    with torch.device("meta"):
        model = cls(CLIPTextConfig(**config)) if "Text" in cls.__name__ else cls.from_config(config)
    return {k: tuple(v.shape) for k, v in model.state_dict().items() if v.is_floating_point()}


def single_file(path, spec):
    shapes = {}
    for name, shape in shapes_of(UNet2DConditionModel, spec["unet"]).items():
        key = "model.diffusion_model." + single_files.unet_name(name, spec["unet"])
        shapes[key] = single_files.conv_shaped(key, shape, True)
    for name, shape in shapes_of(AutoencoderKL, spec["vae"]).items():
        key = "first_stage_model." + single_files.vae_name(name)
        shapes[key] = single_files.conv_shaped(key, shape, False)
    for name, shape in shapes_of(CLIPTextModel, spec["texts"][0]).items():
        key = "cond_stage_model.transformer.text_model." + name.removeprefix("text_model.")
        shapes[key] = shape
    write(path, shapes)


def add(folder, index, component, library, cls, config, stem):
    shapes = shapes_of(cls, config)
    write(folder / component / f"{stem}.safetensors", shapes)
    text = json.dumps(dict(config, _class_name=cls.__name__), indent=1)
    (folder / component / "config.json").write_text(text)
    index[component] = [library, cls.__name__]


def flat(tree, path=""):
    for part, below in tree.items():
        if isinstance(below, dict):
            yield from flat(below, f"{path}{part}.")
        else:
            yield path + part, tuple(below)


def audioldm2_folder(folder):
    document = audioldm2.released()
    for file, tree in document["tensors"].items():
        write(folder / file, dict(flat(tree)))
    for file, content in document["files"].items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(json.dumps(content, indent=1))
    goldens = models.ROOT / "tests/golden"
    for source, target in (("audio/roberta", "tokenizer"), ("text/t5", "tokenizer_2")):
        shutil.copytree(goldens / source, folder / target, dirs_exist_ok=True)


def main(name, folder):
    if name == "audioldm2":
        return audioldm2_folder(folder)
    spec = dict(sd15=SD15, sdxl=XL)[name]
    if folder.suffix == ".safetensors":
        assert name == "sd15", "one file is written of Stable Diffusion 1.5 only"
        return single_file(folder, spec)
    index = dict(_class_name=spec["pipeline"], **spec.get("options", {}))
    stem = "diffusion_pytorch_model"
    add(folder, index, "unet", "diffusers", UNet2DConditionModel, spec["unet"], stem)
    add(folder, index, "vae", "diffusers", AutoencoderKL, spec["vae"], stem)
    classes = (CLIPTextModel, CLIPTextModelWithProjection)
    for suffix, config, cls in zip(("", "_2"), spec["texts"], classes):
        add(folder, index, "text_encoder" + suffix, "transformers", cls, config, "model")
        index["tokenizer" + suffix] = ["transformers", "CLIPTokenizer"]
        source = models.ROOT / "modalities/text/clip_bpe"
        shutil.copytree(source, folder / ("tokenizer" + suffix), dirs_exist_ok=True)
    index["scheduler"] = ["diffusers", spec["scheduler"]["_class_name"]]
    (folder / "scheduler").mkdir(exist_ok=True)
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(spec["scheduler"]))
    (folder / "model_index.json").write_text(json.dumps(index, indent=1))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
