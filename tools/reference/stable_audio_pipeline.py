"""Goldens of Stable Audio Open: whole sounds by seed from StableAudioPipeline of diffusers, with
weights that a hash makes (models.py).

    python tools/reference/stable_audio_pipeline.py

Writes tests/golden/audio: stable_audio_pipeline.json (the model's folder without weights, and the
requests), stable_audio_pipeline_N.safetensors (sounds, 16 bits a sample, channels interleaved), and
stable_audio_released.json (the folder of Stable Audio Open 1.0 without weights). The tokenizer is
that of tests/golden/text/t5.
"""

import json

import diffusers
import numpy as np
import torch
import transformers
from diffusers import (
    AutoencoderOobleck,
    CosineDPMSolverMultistepScheduler,
    StableAudioDiTModel,
    StableAudioPipeline,
    StableAudioProjectionModel,
)
from safetensors.torch import save_file
from transformers import T5Config, T5EncoderModel, T5Tokenizer

import full_size
from audioldm import OUT, tree_of
from models import ROOT, noise
from stable_audio import value

LIMIT = 60000
TEXT = dict(
    vocab_size=580,
    d_model=24,
    d_kv=8,
    d_ff=48,
    num_layers=2,
    num_heads=4,
    feed_forward_proj="relu",
)
PROJECTION = dict(text_encoder_dim=24, conditioning_dim=24, min_value=0, max_value=512)
DIT = dict(
    sample_size=48,
    in_channels=8,
    out_channels=8,
    num_layers=2,
    attention_head_dim=16,
    num_attention_heads=4,
    num_key_value_attention_heads=2,
    cross_attention_dim=24,
    cross_attention_input_dim=24,
    global_states_input_dim=48,
    time_proj_dim=32,
)
OOBLECK = dict(
    encoder_hidden_size=16,
    decoder_channels=12,
    decoder_input_channels=8,
    downsampling_ratios=[2, 4, 4],
    channel_multiples=[1, 2, 4],
    audio_channels=2,
    sampling_rate=8000,
)
# The waveform of such weights is far beyond full scale.
GAIN = 0.0015
# What stabilityai/stable-audio-open-1.0 says, beside the defaults of its classes.
RELEASED = dict(
    text=dict(vocab_size=32128, d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_heads=12),
    projection=dict(text_encoder_dim=768, conditioning_dim=768, min_value=0, max_value=512),
    dit={},
    oobleck={},
)
SMALL = dict(text=TEXT, projection=PROJECTION, dit=DIT, oobleck=OOBLECK)
SCHEDULER = dict(
    _class_name="CosineDPMSolverMultistepScheduler",
    euler_at_final=False,
    final_sigmas_type="zero",
    lower_order_final=True,
    num_train_timesteps=1000,
    prediction_type="v_prediction",
    rho=7.0,
    sigma_data=1.0,
    sigma_max=500,
    sigma_min=0.3,
    sigma_schedule="exponential",
    solver_order=2,
    solver_type="midpoint",
)


def case(prompt="a dog barks in the distance", **request):
    return dict(dict(prompt=prompt, seconds=0.192, steps=6, seed=7), **request)


CASES = {
    "plain": case(),
    "short": case("waves crash on the shore", seconds=0.0701),
    "negative": case(negative="techno music with a strong, upbeat tempo and a siren", cfg=4.0),
    "empty negative": case("", negative=""),
    "without guidance": case(cfg=1.0),
    "ten steps": case(steps=10, seed=11),
    "two at once": case(count=2),
    "from a sound": case(init="sound", frames=700, channels=1),
    "from a longer sound": case(init="long sound", frames=2000, channels=2, negative="rain"),
}


def gain(name, key):
    return GAIN if name == "vae" and key.startswith("decoder.conv2.weight_g") else 1


def shapes_of(model):
    shapes = {k: tuple(v.shape) for k, v in model.state_dict().items() if v.is_floating_point()}
    shapes.pop("encoder.embed_tokens.weight", None)  # T5's is shared.weight
    return shapes


def fill(name, model):
    state = {k: value(k, shape) * gain(name, k) for k, shape in shapes_of(model).items()}
    model.load_state_dict(state, strict=False)
    return model.eval()


def build(of):
    return dict(
        text_encoder=T5EncoderModel(T5Config(**of["text"])),
        projection_model=StableAudioProjectionModel(**of["projection"]),
        transformer=StableAudioDiTModel(**of["dit"]),
        vae=AutoencoderOobleck(**of["oobleck"]),
    )


def describe(parts, of):
    """The folder as JSON: files by path, and for weights the shapes by the parts of the names."""
    configs = dict(
        text_encoder=dict(model_type="t5", **of["text"]),
        projection_model=dict(_class_name="StableAudioProjectionModel", **of["projection"]),
        transformer=dict(_class_name="StableAudioDiTModel", **of["dit"]),
        vae=dict(_class_name="AutoencoderOobleck", **of["oobleck"]),
    )
    libraries = dict(text_encoder="transformers", projection_model="stable_audio")
    index = dict(_class_name="StableAudioPipeline", _diffusers_version=diffusers.__version__)
    files, tensors = {}, {}
    for name, model in parts.items():
        index[name] = [libraries.get(name, "diffusers"), type(model).__name__]
        files[f"{name}/config.json"] = configs[name]
        stem = "model" if name == "text_encoder" else "diffusion_pytorch_model"
        tensors[f"{name}/{stem}.safetensors"] = tree_of(shapes_of(model))
    index["tokenizer"] = ["transformers", "T5TokenizerFast"]
    index["scheduler"] = ["diffusers", SCHEDULER["_class_name"]]
    files["scheduler/scheduler_config.json"] = SCHEDULER
    files["model_index.json"] = index
    return dict(
        source=f"diffusers {diffusers.__version__}, transformers {transformers.__version__}, "
        f"torch {torch.__version__}",
        files=files,
        tensors=tensors,
    )


def write(document, name):
    lines = json.dumps(document, separators=(",", ":"))
    assert len(lines) < 65536, len(lines)
    (OUT / f"{name}.json").write_text(lines + "\n")


def write_released():
    with torch.device("meta"):
        document = describe(build(RELEASED), RELEASED)
    parts = []
    document["tensors"] = full_size.shared(document["tensors"], {}, parts)
    write(dict(document, parts=parts), "stable_audio_released")


def run(parts, tokenizer, request):
    scheduler = CosineDPMSolverMultistepScheduler.from_config(SCHEDULER)
    pipe = StableAudioPipeline(**parts, tokenizer=tokenizer, scheduler=scheduler)
    pipe.set_progress_bar_config(disable=True)
    count = request.get("count", 1)
    generators = [torch.Generator().manual_seed(request["seed"] + i) for i in range(count)]
    arguments = {}
    if "init" in request:
        frames, channels = request["frames"], request["channels"]
        sound = noise(request["init"], (frames, channels)) * 0.4
        arguments = dict(
            initial_audio_waveforms=sound.T[None],
            initial_audio_sampling_rate=torch.tensor(OOBLECK["sampling_rate"]),
        )
    return pipe(
        request["prompt"],
        audio_end_in_s=request["seconds"],
        num_inference_steps=request["steps"],
        num_waveforms_per_prompt=count,
        generator=generators if count > 1 else generators[0],
        negative_prompt=request.get("negative"),
        guidance_scale=request.get("cfg", 7.0),
        output_type="np",
        **arguments,
    ).audios


def main():
    diffusers.utils.logging.set_verbosity_error()
    write_released()
    parts = {name: fill(name, model) for name, model in build(SMALL).items()}
    tokenizer = T5Tokenizer.from_pretrained(ROOT / "tests/golden/text/t5")
    requests, files = {}, [{}]
    for name, request in CASES.items():
        sound = run(parts, tokenizer, request).transpose(0, 2, 1)
        print(name, sound.shape, sound.std().round(4), np.abs(sound).max().round(3), flush=True)
        assert np.abs(sound).max() < 1 and sound.std() > 0.03
        values = torch.from_numpy((sound * 32767).round().astype(np.int16))
        if sum(v.numel() * 2 for v in files[-1].values()) + values.numel() * 2 > LIMIT:
            files.append({})
        files[-1][name] = values.contiguous()
        requests[name] = dict(request, file=f"stable_audio_pipeline_{len(files) - 1}")
    for i, sounds in enumerate(files):
        path = OUT / f"stable_audio_pipeline_{i}.safetensors"
        save_file(sounds, path)
        path.chmod(0o644)
    write(dict(describe(parts, SMALL), gain=GAIN, cases=requests), "stable_audio_pipeline")


if __name__ == "__main__":
    with torch.no_grad():
        main()
