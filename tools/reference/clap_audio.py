"""Goldens of CLAP's audio tower: transformers with weights that a hash makes (models.py), so that
only configurations, tensor names and results are stored.

    python tools/reference/clap_audio.py

Writes tests/golden/audio/clap_audio.json and clap_audio.safetensors.
"""

import functools
import json

import torch
import transformers
from safetensors.torch import save_file
from transformers import ClapAudioConfig, ClapAudioModelWithProjection

from models import ROOT, noise, weight

OUT = ROOT / "tests/golden/audio"

SMALL = dict(
    spec_size=64,
    num_mel_bins=16,
    window_size=4,
    patch_size=4,
    patch_stride=[4, 4],
    patch_embeds_hidden_size=16,
    depths=[2, 2, 1],
    num_attention_heads=[2, 4, 4],
    hidden_size=64,
    projection_dim=20,
)
# Name: configuration, frames of the spectrogram, batch.
MODELS = dict(
    small=(SMALL, 230, 2),
    other=(
        dict(
            SMALL,
            spec_size=32,
            num_mel_bins=32,
            window_size=2,
            depths=[3, 1],
            num_attention_heads=[1, 2],
            hidden_size=32,
            mlp_ratio=2.5,
            qkv_bias=False,
            enable_patch_layer_norm=False,
            hidden_act="relu",
            projection_hidden_act="gelu",
        ),
        32,
        1,
    ),
    released=(dict(), 1001, 1),   # laion/clap-htsat-unfused
)


def value(key, shape):
    w = weight(key, shape)
    return w.abs() * 4 + 0.5 if key.endswith("running_var") else w


def golden(name, config, frames, batch):
    config = ClapAudioConfig(**config)
    model = ClapAudioModelWithProjection(config).eval()
    state = {
        key: value(key, tuple(tensor.shape))
        for key, tensor in model.state_dict().items()
        if tensor.is_floating_point() and not key.endswith("_index")
    }
    missing = model.load_state_dict(state, strict=False).missing_keys
    assert all(key.endswith(("_index", "num_batches_tracked")) for key in missing), missing
    tree = {}
    for key, tensor in state.items():
        *path, leaf = key.split(".")
        node = functools.reduce(lambda node, part: node.setdefault(part, {}), path, tree)
        node[leaf] = list(tensor.shape)
    mel = noise(name + ".mel", (batch, frames, config.num_mel_bins)) * 3
    out = model(input_features=mel[:, None], is_longer=torch.zeros(batch, 1, dtype=torch.bool))
    return tree, out.audio_embeds


def main():
    source = f"transformers {transformers.__version__}, torch {torch.__version__}"
    document = dict(source=source, models={})
    results = {}
    for name, (config, frames, batch) in MODELS.items():
        tree, results[name] = golden(name, config, frames, batch)
        document["models"][name] = dict(config=config, frames=frames, batch=batch, tensors=tree)
    (OUT / "clap_audio.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
    save_file(results, OUT / "clap_audio.safetensors")


if __name__ == "__main__":
    main()
