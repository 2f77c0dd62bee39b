"""Goldens of AudioLDM 2: its U-Net, and whole sounds by seed from AudioLDM2Pipeline of diffusers,
with weights that a hash makes (models.py), so that only configurations, tensor names and results
are stored.

    python tools/reference/audioldm2.py [released]

Writes tests/golden/audio: audioldm2.json (the model's folder without weights, and the requests),
audioldm2.safetensors (what the U-Net makes) and audioldm2_N.safetensors (sounds, 16 bits a sample);
and for "released" audioldm2_released.json: the same folder in the sizes of the published model,
without results.
"""

import functools
import sys

import torch
from diffusers import (
    AudioLDM2Pipeline,
    AudioLDM2ProjectionModel,
    AudioLDM2UNet2DConditionModel,
    AutoencoderKL,
)
from transformers import (
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    GPT2Config,
    GPT2LMHeadModel,
    RobertaTokenizer,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

import audioldm
import clap_audio
import full_size
from audioldm import FULL, MEL_VAE, OUT, TEXT, VOCODER, call, case, fill, make_scheduler
from models import CROSS, CROSS_UP, DOWN, ROOT, UP, noise

SMALL = dict(
    unet=dict(
        in_channels=8,
        out_channels=8,
        block_out_channels=[32, 64],
        cross_attention_dim=[[None, 48, 40], [None, 48, 40]],
        attention_head_dim=4,
        down_block_types=[DOWN, CROSS],
        up_block_types=[CROSS_UP, UP],
        layers_per_block=2,
        norm_num_groups=8,
        sample_size=16,
    ),
    vae=MEL_VAE,
    text_encoder=dict(
        text_config={k: v for k, v in TEXT.items() if k != "projection_dim"},
        audio_config={k: v for k, v in clap_audio.SMALL.items() if k != "projection_dim"},
        projection_dim=24,
    ),
    text_encoder_2=dict(
        vocab_size=600,
        d_model=40,
        d_kv=16,
        d_ff=96,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
    ),
    projection_model=dict(text_encoder_dim=24, text_encoder_1_dim=40, langauge_model_dim=48),
    language_model=dict(
        vocab_size=12, n_positions=80, n_embd=48, n_layer=2, n_head=4, max_new_tokens=5
    ),
    vocoder=VOCODER,
)
# cvssp/audioldm2.
RELEASED = dict(
    unet=dict(
        SMALL["unet"],
        block_out_channels=[128, 256, 384, 640],
        cross_attention_dim=[[None, 768, 1024]] * 4,
        attention_head_dim=8,
        down_block_types=[DOWN, CROSS, CROSS, CROSS],
        up_block_types=[CROSS_UP, CROSS_UP, CROSS_UP, UP],
        norm_num_groups=32,
        sample_size=256,
    ),
    vae=FULL["audioldm_vae"][1],
    text_encoder=dict(
        text_config=dict(
            vocab_size=50265,
            hidden_size=768,
            num_hidden_layers=12,
            num_attention_heads=12,
            intermediate_size=3072,
            max_position_embeddings=514,
        ),
        audio_config=dict(),
        projection_dim=512,
    ),
    text_encoder_2=dict(
        vocab_size=32128,
        d_model=1024,
        d_kv=64,
        d_ff=2816,
        num_layers=24,
        num_heads=16,
        feed_forward_proj="gated-gelu",
    ),
    projection_model=dict(text_encoder_dim=512, text_encoder_1_dim=1024, langauge_model_dim=768),
    language_model=dict(
        vocab_size=50257, n_positions=1024, n_embd=768, n_layer=12, n_head=12, max_new_tokens=8
    ),
    vocoder=dict(
        VOCODER,
        model_in_dim=64,
        upsample_initial_channel=1024,
        resblock_kernel_sizes=[3, 7, 11],
        resblock_dilation_sizes=[[1, 3, 5]] * 3,
    ),
)
CASES = {
    "plain": case(),
    "odd length": case("a bell, far away", seconds=0.417, sampler="dpmpp_2m"),
    "shorter negative": case("a man speaks loudly in a crowd", negative="noise", cfg=4.0),
    "longer negative": case("rain", negative="low quality, a crowd cheering in the background"),
    "a long prompt": case("techno music with a strong beat, " * 5),
    "without guidance": case(cfg=1.0),
    "two at once": case(count=2, sampler="euler_a"),
    "empty": case(""),
}


def build(configs):
    def of(cls, config_cls, name):
        return cls(config_cls(**configs[name]))

    return dict(
        unet=AudioLDM2UNet2DConditionModel.from_config(configs["unet"]),
        vae=AutoencoderKL.from_config(configs["vae"]),
        text_encoder=of(ClapModel, ClapConfig, "text_encoder"),
        text_encoder_2=of(T5EncoderModel, T5Config, "text_encoder_2"),
        projection_model=AudioLDM2ProjectionModel(**configs["projection_model"]),
        language_model=of(GPT2LMHeadModel, GPT2Config, "language_model"),
        vocoder=of(SpeechT5HifiGan, SpeechT5HifiGanConfig, "vocoder"),
    )


def description(parts, configs):
    types = dict(
        unet=dict(_class_name="AudioLDM2UNet2DConditionModel"),
        vae=dict(_class_name="AutoencoderKL"),
        text_encoder=dict(model_type="clap"),
        text_encoder_2=dict(model_type="t5"),
        projection_model=dict(_class_name="AudioLDM2ProjectionModel"),
        language_model=dict(model_type="gpt2"),
        vocoder=dict(model_type="speecht5_hifigan"),
    )
    files = {name: dict(types[name], **configs[name]) for name in configs}
    tokenizers = dict(tokenizer="RobertaTokenizer", tokenizer_2="T5Tokenizer")
    return audioldm.describe(parts, AudioLDM2Pipeline, files, tokenizers)


def released():
    """The folder of the published model, without its weights."""
    with torch.device("meta"):
        parts = build(RELEASED)
    document = description(parts, RELEASED)
    document["files"]["feature_extractor/preprocessor_config.json"] = dict(
        feature_extractor_type="ClapFeatureExtractor",
        feature_size=64,
        frequency_max=14000,
        frequency_min=50,
        max_length_s=10,
        sampling_rate=48000,
        truncation="rand_trunc",
    )
    return document


def unet_golden(unet):
    mask = torch.ones(2, 9, dtype=torch.long)
    mask[0, 5:] = 0
    return unet(
        noise("latent", (2, 8, 11, 6)) * 2,
        torch.tensor([981.0, 20.5]),
        encoder_hidden_states=noise("generated", (2, 8, 48)) * 2,
        encoder_hidden_states_1=noise("text", (2, 9, 40)) * 2,
        encoder_attention_mask_1=mask,
    ).sample


def make(parts, request):
    pipe = AudioLDM2Pipeline(
        **parts,
        tokenizer=RobertaTokenizer.from_pretrained(OUT / "roberta"),
        tokenizer_2=T5Tokenizer.from_pretrained(ROOT / "tests/golden/text/t5"),
        feature_extractor=ClapFeatureExtractor(),
        scheduler=make_scheduler(request),
    )
    pipe.score_waveforms = lambda audio, **unused: audio   # in the order of their seeds
    return call(pipe, request)


def main():
    parts = {name: fill(model) for name, model in build(SMALL).items()}
    audioldm.save(dict(unet=unet_golden(parts["unet"]).contiguous()), "audioldm2")
    requests = audioldm.save_sounds("audioldm2", CASES, functools.partial(make, parts))
    audioldm.save_document("audioldm2", dict(description(parts, SMALL), cases=requests))


def main_released():
    document, shared = released(), []
    document["tensors"] = full_size.shared(document["tensors"], {}, shared)
    audioldm.save_document("audioldm2_released", dict(document, parts=shared))


if __name__ == "__main__":
    with torch.no_grad():
        main_released() if sys.argv[1:] == ["released"] else main()
