"""Goldens of the text models that sound is conditioned on: transformers and diffusers with weights
that a hash makes (models.py), so that only configurations, tensor names and results are stored.

    python tools/reference/text_models.py

Writes tests/golden/text/models.json and models.safetensors.
"""

import functools
import json
import types

import diffusers
import torch
import torch.nn.functional as F
import transformers
from diffusers import AudioLDM2Pipeline, AudioLDM2ProjectionModel
from safetensors.torch import save_file
from transformers import (
    ClapTextConfig,
    ClapTextModelWithProjection,
    GPT2Config,
    GPT2LMHeadModel,
    T5Config,
    T5EncoderModel,
)
from transformers.models.t5.modeling_t5 import T5Attention

from models import ROOT, noise, weight

OUT = ROOT / "tests/golden/text"

CLAP = dict(
    vocab_size=90,
    hidden_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    intermediate_size=96,
    max_position_embeddings=40,
    projection_dim=20,
)
T5 = dict(vocab_size=90, d_model=40, d_kv=16, d_ff=96, num_layers=3, num_heads=4)
GPT2 = dict(vocab_size=12, n_positions=40, n_embd=48, n_layer=3, n_head=4)
MODELS = dict(
    clap=CLAP,
    clap_other=dict(
        CLAP,
        hidden_act="gelu_new",
        projection_hidden_act="gelu",
        num_attention_heads=3,
        num_hidden_layers=2,
        layer_norm_eps=1e-5,
        type_vocab_size=2,
        pad_token_id=4,
    ),
    t5=T5,
    t5_gated=dict(
        T5,
        feed_forward_proj="gated-gelu",
        d_kv=12,
        num_heads=3,
        relative_attention_num_buckets=16,
        relative_attention_max_distance=20,
    ),
    t5_overflow=dict(T5, feed_forward_proj="gated-gelu", num_layers=2),
    gpt2=GPT2,
    gpt2_other=dict(
        GPT2,
        n_inner=80,
        n_layer=2,
        activation_function="relu",
        layer_norm_epsilon=1e-6,
        scale_attn_by_inverse_layer_idx=True,
    ),
    projection=dict(text_encoder_dim=20, text_encoder_1_dim=24, langauge_model_dim=48),
)
TIED = ("encoder.embed_tokens.weight", "lm_head.weight")


def weights(name, model):
    state = {}
    for key, value in model.state_dict().items():
        if value.is_floating_point() and key not in TIED:
            # As a GPT2Model is stored: without the head that generates.
            stored = key.removeprefix("transformer.") if name == "gpt2" else key
            state[key] = weight(stored, tuple(value.shape))
    if name == "t5_overflow":
        # Files hold these in f16; the layers write what f16 cannot hold.
        for key, value in state.items():
            scaled = value * 65536 if ".wo." in key or ".o." in key else value
            state[key] = scaled.half().float()
    return state


def build(name, cls, config):
    is_config = hasattr(cls, "config_class")
    model = cls(config) if is_config else cls(**config)
    state = weights(name, model)
    missing = model.load_state_dict(state, strict=False).missing_keys
    if hasattr(model, "tie_weights"):
        model.tie_weights()
    assert all(key in TIED or key.endswith("_ids") for key in missing), missing
    tree = {}
    for key, value in state.items():
        *path, leaf = (key.removeprefix("transformer.") if name == "gpt2" else key).split(".")
        node = functools.reduce(lambda node, part: node.setdefault(part, {}), path, tree)
        node[leaf] = list(value.shape)
    return model.eval(), tree


def ids_for(name, config, lengths, pad):
    """Texts of these lengths, padded to the first; the pad token only where there is no text."""
    count = len(lengths)
    low, high = pad + 1, config["vocab_size"] - 1
    ids = (low + (noise(name, (count, lengths[0])) + 1) * 0.5 * (high - low)).to(torch.int64)
    mask = torch.arange(lengths[0])[None] < torch.tensor(lengths)[:, None]
    return torch.where(mask, ids, torch.full_like(ids, pad)), mask.long()


def clap(name, config):
    model, tree = build(name, ClapTextModelWithProjection, ClapTextConfig(**config))
    ids, mask = ids_for("ids", config, [13, 5], config.get("pad_token_id", 1))
    out = model(input_ids=ids, attention_mask=mask)
    unit = F.normalize(out.text_embeds, dim=-1)
    return tree, dict(states=out.last_hidden_state, features=out.text_embeds, embedding=unit)


def t5(name, config):
    model, tree = build(name, T5EncoderModel, T5Config(**config))
    ids, mask = ids_for("ids", config, [37, 21], 0)
    out = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    if name == "t5_overflow":
        assert out.hidden_states[1].abs().max() > 65504
    return tree, dict(states=out.last_hidden_state)


def gpt2(name, config):
    model, tree = build(name, GPT2LMHeadModel, GPT2Config(**config))
    embeddings = noise("embeddings", (2, 11, config["n_embd"])) * 2
    mask = torch.ones(2, 11, dtype=torch.long)
    mask[1, 6:10] = 0
    pipeline = types.SimpleNamespace(language_model=model, device=torch.device("cpu"))
    states = AudioLDM2Pipeline.generate_language_model(pipeline, embeddings, 8, attention_mask=mask)
    return tree, dict(states=states)


def projection(name, config):
    model, tree = build(name, AudioLDM2ProjectionModel, config)
    mask = torch.ones(2, 9, dtype=torch.long)
    mask[1, 5:] = 0
    out = model(
        hidden_states=noise("clap", (2, 1, config["text_encoder_dim"])),
        hidden_states_1=noise("text", (2, 9, config["text_encoder_1_dim"])) * 2,
        attention_mask=torch.ones(2, 1, dtype=torch.long),
        attention_mask_1=mask,
    )
    return tree, dict(states=out.hidden_states, mask=out.attention_mask.float())


def main():
    torch.set_grad_enabled(False)
    models, results = {}, {}
    for name, config in MODELS.items():
        tree, out = globals()[name.split("_")[0]](name, config)
        models[name] = dict(config=config, tensors=tree)
        for key, value in out.items():
            results[f"{name}.{key}"] = value.contiguous()
            print(f"{name}.{key}", tuple(value.shape), round(value.std().item(), 3))
    positions = torch.arange(-300, 301)
    document = dict(
        source=f"transformers {transformers.__version__}, diffusers {diffusers.__version__}, "
        f"torch {torch.__version__}",
        models=models,
        buckets=T5Attention._relative_position_bucket(positions).tolist(),
        buckets_16_20=T5Attention._relative_position_bucket(
            positions, num_buckets=16, max_distance=20
        ).tolist(),
    )
    text = json.dumps(document, separators=(",", ":"))
    save_file(results, OUT / "models.safetensors")
    (OUT / "models.json").write_text(text + "\n")
    size = (OUT / "models.safetensors").stat().st_size
    assert len(text) <= 65536 and size <= 65536, (len(text), size)


if __name__ == "__main__":
    main()
