"""Goldens of Stable Audio Open's networks: diffusers with weights that a hash makes (models.py), so
that only configurations, tensor names and results are stored.

    python tools/reference/stable_audio.py

Writes tests/golden/audio/stable_audio.json and stable_audio.safetensors.
"""

import functools
import json

import diffusers
import torch
from diffusers import AutoencoderOobleck, StableAudioDiTModel, StableAudioProjectionModel
from diffusers.models.embeddings import get_1d_rotary_pos_embed
from safetensors.torch import save_file

from models import ROOT, noise, weight

OUT = ROOT / "tests/golden/audio"

OOBLECK = dict(
    encoder_hidden_size=8,
    decoder_channels=12,
    decoder_input_channels=4,
    downsampling_ratios=[2, 4],
    channel_multiples=[1, 3],
    audio_channels=2,
)
DIT = dict(
    sample_size=19,
    in_channels=6,
    out_channels=6,
    num_layers=2,
    attention_head_dim=16,
    num_attention_heads=4,
    num_key_value_attention_heads=2,
    cross_attention_dim=20,
    cross_attention_input_dim=24,
    global_states_input_dim=48,
    time_proj_dim=32,
)
PROJECTION = dict(text_encoder_dim=20, conditioning_dim=24, min_value=0, max_value=512)


def value(key, shape):
    """Off the initial values everywhere: a weight normalised module has a size of its own."""
    if key.endswith("weight_g"):
        return noise(key, shape) * 0.3 + 1
    return weight(key, shape)


def build(cls, config):
    model = cls(**config).eval()
    state = {
        key: value(key, tuple(tensor.shape))
        for key, tensor in model.state_dict().items()
        if tensor.is_floating_point()
    }
    model.load_state_dict(state)
    tree = {}
    for key, tensor in state.items():
        *path, leaf = key.split(".")
        node = functools.reduce(lambda node, part: node.setdefault(part, {}), path, tree)
        node[leaf] = list(tensor.shape)
    return model, tree


def oobleck(config, results):
    model, tree = build(AutoencoderOobleck, config)
    factor = model.hop_length
    channels = config["encoder_hidden_size"]
    waveform = noise("waveform", (2, config["audio_channels"], 9 * factor))
    results["oobleck.moments"] = model.encoder(waveform).transpose(1, 2).contiguous()
    assert results["oobleck.moments"].shape[2] == channels
    latent = noise("latent", (2, config["decoder_input_channels"], 11)) * 2
    results["oobleck.waveform"] = model.decode(latent).sample.transpose(1, 2).contiguous()
    return tree


def transformer(config, results):
    model, tree = build(StableAudioDiTModel, config)
    n, t = 2, config["sample_size"]
    out = model(
        noise("dit.latent", (n, config["in_channels"], t)) * 2,
        torch.tensor([0.25, 0.99]),
        encoder_hidden_states=noise("dit.context", (n, 7, config["cross_attention_input_dim"])),
        global_hidden_states=noise("dit.global", (n, 1, config["global_states_input_dim"])),
        rotary_embedding=get_1d_rotary_pos_embed(
            config["attention_head_dim"] // 2, t + 1, use_real=True, repeat_interleave_real=False
        ),
    )
    results["transformer"] = out.sample.transpose(1, 2).contiguous()
    return tree


def projection(config, results):
    model, tree = build(StableAudioProjectionModel, config)
    out = model(
        text_hidden_states=noise("states", (2, 5, config["text_encoder_dim"])),
        start_seconds=torch.tensor([0.0, 3.5]),
        end_seconds=torch.tensor([47.5, 900.0]),
    )
    results["projection.text"] = out.text_hidden_states
    results["projection.start"] = out.seconds_start_hidden_states
    results["projection.end"] = out.seconds_end_hidden_states
    return tree


def main():
    source = f"diffusers {diffusers.__version__}, torch {torch.__version__}"
    document, results = dict(source=source, models={}), {}
    for name, make, config in [
        ("oobleck", oobleck, OOBLECK),
        ("transformer", transformer, DIT),
        ("projection", projection, PROJECTION),
    ]:
        tree = make(config, results)
        document["models"][name] = dict(config=config, tensors=tree)
    (OUT / "stable_audio.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
    save_file({k: v.contiguous() for k, v in results.items()}, OUT / "stable_audio.safetensors")


if __name__ == "__main__":
    main()
