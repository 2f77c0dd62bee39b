"""Goldens of AudioLDM: its networks, and whole sounds by seed from AudioLDMPipeline of diffusers,
with weights that a hash makes (models.py).

    python tools/reference/audioldm.py [full]

Writes tests/golden/audio: audioldm.json (the model's folder without weights, and the requests),
audioldm.safetensors (what each network makes) and audioldm_N.safetensors (sounds, 16 bits a
sample); and for "full" the U-Net and autoencoder of AudioLDM-S, in half precision: full_NAME.json
and .safetensors. audioldm_file.py goes on from here.
"""

import functools
import json
import sys

import diffusers
import librosa
import numpy as np
import torch
import torch.nn.functional as F
import transformers
from diffusers import AudioLDMPipeline, AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import (
    ClapTextConfig,
    ClapTextModelWithProjection,
    RobertaTokenizer,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
)

import full_size
from models import CROSS, CROSS_UP, DOWN, ROOT, SD1_UNET, UP, VAE, noise, weight
from schedulers import CLASSES

OUT = ROOT / "tests/golden/audio"
LIMIT = 60000
TEXT = dict(
    vocab_size=300,
    hidden_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=96,
    max_position_embeddings=66,
    projection_dim=24,
)
UNET = dict(
    SD1_UNET,
    attention_head_dim=4,
    block_out_channels=[32, 64, 96, 160],
    class_embed_type="simple_projection",
    class_embeddings_concat=True,
    cross_attention_dim=[32, 64, 96, 160],
    down_block_types=[DOWN, CROSS, CROSS, CROSS],
    in_channels=8,
    out_channels=8,
    projection_class_embeddings_input_dim=24,
    sample_size=16,
    up_block_types=[CROSS_UP, CROSS_UP, CROSS_UP, UP],
)
MEL_VAE = dict(
    VAE,
    block_out_channels=[16, 32, 32],
    down_block_types=["DownEncoderBlock2D"] * 3,
    in_channels=1,
    latent_channels=8,
    out_channels=1,
    scaling_factor=0.7,
    up_block_types=["UpDecoderBlock2D"] * 3,
)
VOCODER = dict(
    model_in_dim=32,
    sampling_rate=16000,
    upsample_initial_channel=64,
    upsample_rates=[5, 4, 2, 2, 2],
    upsample_kernel_sizes=[16, 16, 8, 4, 4],
    resblock_kernel_sizes=[3, 5],
    resblock_dilation_sizes=[[1, 3]] * 2,
    leaky_relu_slope=0.1,
    normalize_before=False,
)
VOCODER_GAIN = 1.1  # between silence and saturation
SCHEDULER = dict(
    _class_name="DDIMScheduler",
    beta_end=0.0195,
    beta_schedule="scaled_linear",
    beta_start=0.0015,
    clip_sample=False,
    num_train_timesteps=1000,
    prediction_type="epsilon",
    set_alpha_to_one=False,
    steps_offset=1,
    timestep_spacing="leading",
)
FULL = dict(
    audioldm_unet=(
        UNet2DConditionModel,
        dict(
            UNET,
            attention_head_dim=8,
            block_out_channels=[128, 256, 384, 640],
            cross_attention_dim=[128, 256, 384, 640],
            projection_class_embeddings_input_dim=512,
            sample_size=128,
        ),
    ),
    audioldm_vae=(
        AutoencoderKL,
        dict(MEL_VAE, block_out_channels=[128, 256, 512], layers_per_block=2, norm_num_groups=32),
    ),
)


def case(prompt="rain on a roof", **request):
    return dict(dict(prompt=prompt, seconds=0.3, steps=4, seed=7), **request)


CASES = {
    sampler: case(sampler=sampler, steps=5, seed=11)
    for sampler in ("ddim", "pndm", "euler", "euler_a", "heun", "dpmpp_2m", "unipc", "lms")
}
CASES.update(
    {
        "ddim with noise": case(eta=0.5),
        "karras": case(sampler="dpmpp_2m", schedule="karras"),
        "odd length": case("a bell, far away", seconds=0.417),
        "negative": case(negative="noise", cfg=4.0),
        "without guidance": case(cfg=1.0),
        "two at once": case(count=2, sampler="euler_a"),
        "empty": case(""),
        "from a sound": case(init="sound", strength=0.5, steps=6),
    }
)


def vocabulary():
    """Bytes, and a few merges, behind RoBERTa's special tokens."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbol = {b: chr(b) for b in visible}
    symbol.update({b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in symbol)})
    merges = ["r a", "i n", "ra in", "o n", "\u0120 on", "\u0120 a", "e l", "\u0120 b", "el l"]
    words = ["<s>", "<pad>", "</s>", "<unk>", *symbol.values()]
    words += [m.replace(" ", "") for m in merges] + ["<mask>"]
    return {word: i for i, word in enumerate(words)}, merges


def write_tokenizer(folder):
    folder.mkdir(parents=True, exist_ok=True)
    words, merges = vocabulary()
    (folder / "vocab.json").write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")
    lines = "\n".join(["#version: 0.2", *merges])
    (folder / "merges.txt").write_text(lines + "\n", encoding="utf-8")
    config = dict(tokenizer_class="RobertaTokenizer", model_max_length=64)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def gain(model):
    return VOCODER_GAIN if isinstance(model, SpeechT5HifiGan) else 1


def stored(key, tensor):
    """The second name of one tensor of T5 is left out, as files of safetensors do."""
    return tensor.is_floating_point() and not key.endswith("encoder.embed_tokens.weight")


def fill(model):
    state = {
        k: weight(k, tuple(v.shape)) * (gain(model) if k.endswith("weight") else 1)
        for k, v in model.state_dict().items()
        if stored(k, v)
    }
    model.load_state_dict(state, strict=False)
    return model.eval()


def build():
    return dict(
        unet=fill(UNet2DConditionModel.from_config(UNET)),
        vae=fill(AutoencoderKL.from_config(MEL_VAE)),
        text_encoder=fill(ClapTextModelWithProjection(ClapTextConfig(**TEXT))),
        vocoder=fill(SpeechT5HifiGan(SpeechT5HifiGanConfig(**VOCODER))),
    )


def tree_of(shapes):
    tree = {}
    for key, shape in shapes.items():
        *path, leaf = key.split(".")
        functools.reduce(lambda node, part: node.setdefault(part, {}), path, tree)[leaf] = list(
            shape
        )
    return tree


def describe(parts, pipeline, configs, tokenizers):
    """The folder as JSON: files by path, and for weights the shapes by the parts of the names."""
    index = dict(_class_name=pipeline.__name__, _diffusers_version=diffusers.__version__)
    files, tensors, gains = {}, {}, {}
    for name, model in parts.items():
        library = type(model).__module__.split(".")[0]
        index[name] = [library, type(model).__name__]
        files[f"{name}/config.json"] = configs[name]
        stem = "diffusion_pytorch_model" if library == "diffusers" else "model"
        gains[f"{name}/{stem}.safetensors"] = gain(model)
        tensors[f"{name}/{stem}.safetensors"] = tree_of(
            {k: v.shape for k, v in model.state_dict().items() if stored(k, v)}
        )
    for name, tokenizer in tokenizers.items():
        index[name] = ["transformers", tokenizer]
    index["scheduler"] = ["diffusers", SCHEDULER["_class_name"]]
    files["scheduler/scheduler_config.json"] = SCHEDULER
    files["model_index.json"] = index
    return dict(
        source=f"diffusers {diffusers.__version__}, transformers {transformers.__version__}, "
        f"torch {torch.__version__}",
        files=files,
        gains=gains,
        tensors=tensors,
    )


def description(parts):
    configs = dict(
        unet=dict(_class_name="UNet2DConditionModel", **UNET),
        vae=dict(_class_name="AutoencoderKL", **MEL_VAE),
        text_encoder=dict(model_type="clap_text_model", **TEXT),
        vocoder=dict(model_type="speecht5_hifigan", **VOCODER),
    )
    return describe(parts, AudioLDMPipeline, configs, dict(tokenizer="RobertaTokenizer"))


def save(tensors, name):
    path = OUT / f"{name}.safetensors"
    save_file(tensors, path)
    path.chmod(0o644)
    assert path.stat().st_size <= 65536, path


def unet_golden(unet, height, width):
    c = unet.config
    return unet(
        noise("latent", (2, 8, height, width)) * 2,
        torch.tensor([981.0, 20.5]),
        encoder_hidden_states=None,
        class_labels=noise("label", (2, c.projection_class_embeddings_input_dim)),
    ).sample


def network_goldens(parts):
    vae = parts["vae"]
    return dict(
        unet=unet_golden(parts["unet"], 13, 8),
        mel=vae.decode(noise("z", (1, 8, 11, 8)) * 4).sample,
        moments=vae.encode(noise("mel", (1, 1, 44, 32))).latent_dist.parameters,
    )


def make_scheduler(request):
    options = dict(SCHEDULER, skip_prk_steps=True)
    if request.get("schedule"):
        options[f"use_{request['schedule']}_sigmas"] = True
    name = CLASSES[request["sampler"]] if "sampler" in request else options["_class_name"]
    return getattr(diffusers, name).from_config(options)


def run(parts, tokenizer, request):
    pipe = AudioLDMPipeline(**parts, tokenizer=tokenizer, scheduler=make_scheduler(request))
    return call(pipe, request)


def call(pipe, request):
    pipe.set_progress_bar_config(disable=True)
    count = request.get("count", 1)
    generators = [torch.Generator().manual_seed(request["seed"] + i) for i in range(count)]
    arguments = dict(
        audio_length_in_s=request["seconds"],
        num_inference_steps=request["steps"],
        num_waveforms_per_prompt=count,
        generator=generators if count > 1 else generators[0],
        negative_prompt=request.get("negative"),
    )
    for ours, theirs in (("cfg", "guidance_scale"), ("eta", "eta")):
        if ours in request:
            arguments[theirs] = request[ours]
    return pipe(request["prompt"], **arguments).audios


def heard(sound):
    """A sound as the autoencoder knows it: AudioLDM's level and front end (its audioldm/audio)."""
    sound = sound - sound.mean()
    gain = 0.5 / sound.abs().max()
    padded = F.pad(sound * gain, (0, -len(sound) % 640))
    spectrum = torch.stft(padded, 1024, 160, window=torch.hann_window(1024), return_complex=True)
    filters = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=32, fmin=0, fmax=8000)
    mel = torch.log(torch.clamp(torch.from_numpy(filters) @ spectrum.abs(), min=1e-5))
    return mel.T[None, None, : len(padded) // 160], gain


def run_from_sound(parts, tokenizer, request):
    """Audio to audio, which AudioLDMPipeline has not: as diffusers does it from pictures."""
    scheduler, vae = make_scheduler(request), parts["vae"]
    pipe = AudioLDMPipeline(**parts, tokenizer=tokenizer, scheduler=scheduler)
    label = pipe._encode_prompt(request["prompt"], "cpu", 1, True)
    generator = torch.Generator().manual_seed(request["seed"])
    sound = noise(request["init"], (int(request["seconds"] * 16000),)) * 0.4
    mel, gain = heard(sound)
    z = vae.encode(mel).latent_dist.sample(generator) * vae.config.scaling_factor
    scheduler.set_timesteps(request["steps"])
    times = scheduler.timesteps[request["steps"] - int(request["steps"] * request["strength"]) :]
    x = scheduler.add_noise(z, torch.randn(z.shape, generator=generator), times[:1])
    for t in times:
        both = parts["unet"](torch.cat([x, x]), t, None, class_labels=label).sample
        without, given = both.chunk(2)
        x = scheduler.step(without + 2.5 * (given - without), t, x).prev_sample
    made = pipe.mel_spectrogram_to_waveform(pipe.decode_latents(x))[:, : len(sound)]
    return (made * min(1 / gain, 1 / made.abs().max())).numpy()


def make(parts, tokenizer, request):
    return (run_from_sound if "init" in request else run)(parts, tokenizer, request)


def save_sounds(stem, cases, make):
    """What `make` gives for the cases, in files STEM_N, and the cases with their files."""
    requests, files = {}, [{}]
    for name, request in cases.items():
        sound = make(request)
        values = torch.from_numpy((sound * 32767).round().astype(np.int16))
        if sum(v.numel() * 2 for v in files[-1].values()) + values.numel() * 2 > LIMIT:
            files.append({})
        files[-1][name] = values
        requests[name] = dict(request, file=f"{stem}_{len(files) - 1}.safetensors")
        print(name, sound.shape, sound.std().round(4), np.abs(sound).max().round(3), flush=True)
    for i, sounds in enumerate(files):
        save(sounds, f"{stem}_{i}")
    return requests


def save_document(name, document):
    lines = json.dumps(document, separators=(",", ":"))
    assert len(lines) <= 65536, len(lines)
    (OUT / f"{name}.json").write_text(lines + "\n")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    diffusers.utils.logging.set_verbosity_error()
    parts = build()
    results = network_goldens(parts)
    save({k: v.contiguous() for k, v in results.items()}, "audioldm")
    print({k: (tuple(v.shape), round(v.std().item(), 3)) for k, v in results.items()})
    write_tokenizer(OUT / "roberta")
    tokenizer = RobertaTokenizer.from_pretrained(OUT / "roberta")
    requests = save_sounds("audioldm", CASES, functools.partial(make, parts, tokenizer))
    save_document("audioldm", dict(description(parts), cases=requests))


def main_full():
    for name, (cls, config) in FULL.items():
        model, shapes = full_size.build(cls, config)
        parts = []
        document = dict(
            source=f"diffusers {diffusers.__version__}, torch {torch.__version__}",
            config=config,
            parts=parts,
            tensors=full_size.shared(tree_of(shapes), {}, parts),
        )
        found = (
            dict(unet=unet_golden(model, 52, 16))
            if "unet" in name
            else dict(
                mel=model.decode(noise("z", (1, 8, 28, 16)) * 4).sample,
                moments=model.encode(noise("mel", (1, 1, 112, 64))).latent_dist.parameters,
            )
        )
        content = json.dumps(document, separators=(",", ":")) + "\n"
        assert len(content) <= 65536, (name, len(content))
        (OUT / f"full_{name}.json").write_text(content)
        save({k: v.contiguous() for k, v in found.items()}, f"full_{name}")
        print(name, {k: (tuple(v.shape), round(v.std().item(), 3)) for k, v in found.items()})


if __name__ == "__main__":
    with torch.no_grad():
        main_full() if sys.argv[1:] == ["full"] else main()
