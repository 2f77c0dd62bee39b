"""Goldens of whole pipelines by seed: diffusers over the small models of models.py.

    python tools/reference/pipelines.py

Writes tests/golden/image/pipelines.json (the requests) and pipelines_N.safetensors (the pictures).
"""

import json
import sys
import tempfile
from pathlib import Path

import diffusers
import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file
from transformers import CLIPTokenizer

sys.path.insert(0, str(Path(__file__).parent))
import models
import tokenizer as tokenizers
from schedulers import CLASSES

LIMIT = 60000
PLAIN = "a photo of a red cube"
UNICODE = "une maison rouge à l'ombre, 赤い家 🏠 №42"
LONG = "a red cube on the left of a blue sphere, " * 12


def case(model="sd1", **request):
    return dict(dict(model=model, prompt=PLAIN, width=40, height=32, steps=4, seed=7), **request)


CASES = {
    f"sd1 {sampler}": case(sampler=sampler, steps=5, seed=11)
    for sampler in CLASSES
    if sampler != "tcd"
}
CASES.update(
    {
        "sd1 tcd": case(sampler="tcd", cfg=1.0, eta=0.3),
        "sd1 ddim with noise": case(sampler="ddim", eta=0.5),
        "sd1 karras": case(sampler="dpmpp_2m", schedule="karras"),
        "sd1 72 x 64": case(width=72, height=64, steps=6),
        "sd1 unicode": case(prompt=UNICODE, negative="blurry, ugly"),
        "sd1 empty": case(prompt=""),
        "sd1 too long": case(prompt=LONG, sampler="ddim"),
        "sd1 without guidance": case(cfg=1.0, sampler="euler"),
        "sd1 clip skip": case(clip_skip=1, sampler="ddim"),
        "sd1 two at once": case(count=2, sampler="euler_a"),
        "sd1 image to image": case(init="portrait", strength=0.6, steps=6, sampler="euler_a"),
        "sd1 repaint": case(init="portrait", mask="half", strength=1.0, sampler="ddim"),
        "sd1 repaint half": case(
            init="portrait", mask="half", strength=0.6, steps=6, sampler="euler_a"
        ),
        "sd2": case("sd2", negative="a blue cat"),
        "sd2 rescaled": case("sd2", guidance_rescale=0.7, sampler="euler", seed=3000000000),
        "sdxl": case("sdxl", width=64, height=72),
        "sdxl negative": case("sdxl", negative="blue", count=2, sampler="dpmpp_2m", clip_skip=1),
        "sdxl ancestral": case("sdxl", sampler="euler_a", negative=""),
        "refiner": case("refiner", init="portrait", strength=0.5, negative="blue"),
        "lcm": case("lcm", cfg=8.5),
        "inpaint": case("inpaint", init="portrait", mask="half", strength=1.0),
        "inpaint half": case("inpaint", init="portrait", mask="half", strength=0.5, sampler="ddim"),
    }
)


def picture(name, width, height):
    values = ((models.noise(name, (height, width, 3)) + 1) * 127.5).to(torch.uint8).numpy()
    return Image.fromarray(values)


def mask(width, height):
    """White on the right half and on the upper quarter."""
    values = np.zeros((height, width), np.uint8)
    values[:, width // 2 :] = 255
    values[: height // 4] = 200
    return Image.fromarray(values)


def make_tokenizer(kind, pad):
    if kind == "clip":
        vocabulary, merges = tokenizers.clip_vocabulary()
        folder = Path(tempfile.mkdtemp())
        config = dict(tokenizer_class="CLIPTokenizer", model_max_length=77)
        tokenizers.write_folder(folder, vocabulary, merges, config)
    else:
        folder = models.ROOT / "tests/golden/text/small"
    return CLIPTokenizer.from_pretrained(folder, **({"pad_token": pad} if pad else {}))


def make_scheduler(spec, request):
    options = dict(spec["scheduler"])
    if request.get("schedule"):
        options[f"use_{request['schedule']}_sigmas"] = True
    sampler = request.get("sampler")
    if sampler == "dpmpp_2m_sde":
        options["algorithm_type"] = "sde-dpmsolver++"
    if sampler == "dpmpp_sde":
        options["noise_sampler_seed"] = request["seed"]
    name = CLASSES[sampler] if sampler else options["_class_name"]
    return getattr(diffusers, name).from_config(options)


def pipeline_class(spec, request):
    xl = "XL" if "XL" in spec["pipeline"] else ""
    kind = "Inpaint" if "mask" in request else "Img2Img" if "init" in request else ""
    if spec["pipeline"].startswith("Latent"):
        return diffusers.LatentConsistencyModelPipeline
    return getattr(diffusers, f"StableDiffusion{xl}{kind}Pipeline")


def make_pipeline(spec, built, request):
    unet, vae, texts = built
    pads = spec.get("pads") or [None] * 2
    parts = dict(unet=unet, vae=vae, scheduler=make_scheduler(spec, request))
    present = [(s, m) for s, m in zip(("", "_2"), texts)]
    used = 0
    for suffix, model in present:
        if model is None:
            parts["text_encoder" + suffix] = parts["tokenizer" + suffix] = None
            continue
        if not suffix:  # diffusers reaches the final norm by the name that transformers 4 gave it
            object.__setattr__(model, "text_model", model)
        parts["text_encoder" + suffix] = model
        parts["tokenizer" + suffix] = make_tokenizer(spec["tokenizer"], pads[used])
        used += 1
    cls = pipeline_class(spec, request)
    if "XL" in cls.__name__:
        options = dict(spec.get("options", {}))
        if "Img2Img" not in cls.__name__ and "Inpaint" not in cls.__name__:
            options.pop("requires_aesthetics_score", None)
        return cls(**parts, **options, add_watermarker=False)
    return cls(**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def run(spec, built, request):
    pipe = make_pipeline(spec, built, request)
    pipe.set_progress_bar_config(disable=True)
    count = request.get("count", 1)
    generators = [torch.Generator().manual_seed(request["seed"] + i) for i in range(count)]
    arguments = dict(
        prompt=request["prompt"],
        num_inference_steps=request["steps"],
        output_type="np",
        generator=generators if count > 1 else generators[0],
        num_images_per_prompt=count,
    )
    if "Latent" not in type(pipe).__name__:
        arguments["negative_prompt"] = request.get("negative")
    if "init" in request:
        arguments.update(
            image=picture(request["init"], request["width"], request["height"]),
            strength=request["strength"],
        )
    if "mask" in request:
        arguments["mask_image"] = mask(request["width"], request["height"])
    if "init" not in request or "mask" in request:
        arguments.update(width=request["width"], height=request["height"])
    for ours, theirs in (
        ("cfg", "guidance_scale"),
        ("guidance_rescale", "guidance_rescale"),
        ("clip_skip", "clip_skip"),
        ("eta", "eta"),
    ):
        if ours in request:
            arguments[theirs] = request[ours]
    pictures = pipe(**arguments).images
    return np.ascontiguousarray([(p * 255).round().astype(np.uint8) for p in pictures])


def main():
    built, requests, files = {}, {}, [{}]
    for name, request in CASES.items():
        spec = models.MODELS[request["model"]]
        if request["model"] not in built:
            built[request["model"]] = models.build(spec)
        pictures = run(spec, built[request["model"]], request)
        if sum(p.nbytes for p in files[-1].values()) + pictures.nbytes > LIMIT:
            files.append({})
        files[-1][name] = pictures
        requests[name] = dict(request, file=f"pipelines_{len(files) - 1}.safetensors")
        print(name, pictures.shape, pictures.mean().round(2), pictures.std().round(2), flush=True)
    for i, pictures in enumerate(files):
        save_file(pictures, models.OUT / f"pipelines_{i}.safetensors")
    document = dict(
        source=f"diffusers {diffusers.__version__}, torch {torch.__version__}",
        tolerance=dict(mean=0.25, largest=3),
        cases=requests,
    )
    (models.OUT / "pipelines.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    with torch.no_grad():
        main()
