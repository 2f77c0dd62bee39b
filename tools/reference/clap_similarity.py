"""Goldens of a whole CLAP model: how alike words and sounds are by transformers, with weights that
a hash makes (models.py), so that only the model's folder without weights and results are stored.

    python tools/reference/clap_similarity.py

Writes tests/golden/audio/clap_similarity.json and clap_similarity.safetensors.
"""

import json

import librosa
import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, RobertaTokenizer

import audioldm
import clap_audio
from audioldm import OUT, tree_of
from clap_audio import value
from signals import sound

CONFIG = dict(
    text_config={k: v for k, v in audioldm.TEXT.items() if k != "projection_dim"},
    audio_config={k: v for k, v in clap_audio.SMALL.items() if k != "projection_dim"},
    projection_dim=24,
)
FEATURES = dict(
    feature_size=16, max_length_s=2, frequency_min=50, frequency_max=14000, truncation="rand_trunc"
)
TEXTS = ["rain on a roof", "a bell, far away", ""]
SOUNDS = dict(  # samples, rate
    short=(20001, 48000),
    whole=(96000, 48000),
    long=(150000, 48000),
    resampled=(30000, 16000),
)


def middle(low, high):
    return low + (high - low) // 2


def main():
    np.random.randint = middle   # where the excerpt of a long sound begins
    model = ClapModel(ClapConfig(**CONFIG)).eval()
    state = {
        key: value(key, tuple(tensor.shape))
        for key, tensor in model.state_dict().items()
        if tensor.is_floating_point() and tensor.ndim
    }
    missing = model.load_state_dict(state, strict=False).missing_keys
    known = ("_index", "num_batches_tracked", "position_ids", "token_type_ids")
    assert all(key.endswith(known) or "logit_scale" in key for key in missing), missing

    tokenizer = RobertaTokenizer.from_pretrained(OUT / "roberta")
    extract = ClapFeatureExtractor(**FEATURES)
    waveforms = []
    for name, (samples, rate) in SOUNDS.items():
        x = sound(name, samples, rate)
        waveforms.append(x if rate == 48000 else librosa.resample(x, orig_sr=rate, target_sr=48000))
    inputs = tokenizer(TEXTS, return_tensors="pt", padding=True)
    inputs["input_features"] = extract(
        waveforms, return_tensors="pt", sampling_rate=48000
    ).input_features
    out = model(**inputs)
    similarities = out.logits_per_text / model.logit_scale_t.exp()
    print(similarities)
    document = dict(
        source=f"transformers {transformers.__version__}, torch {torch.__version__}, "
        f"librosa {librosa.__version__}",
        texts=TEXTS,
        sounds={name: dict(samples=s, rate=r) for name, (s, r) in SOUNDS.items()},
        files={
            "config.json": dict(model_type="clap", **CONFIG),
            "preprocessor_config.json": dict(
                feature_extractor_type="ClapFeatureExtractor", sampling_rate=48000, **FEATURES
            ),
        },
        tensors=tree_of({key: tensor.shape for key, tensor in state.items()}),
    )
    path = OUT / "clap_similarity.json"
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    save_file(
        dict(
            similarities=similarities.contiguous(),
            text=out.text_embeds.contiguous(),
            sound=out.audio_embeds.contiguous(),
        ),
        OUT / "clap_similarity.safetensors",
    )


if __name__ == "__main__":
    main()
