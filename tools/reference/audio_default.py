"""Goldens of the audio model that Kiln ships: sounds by seed from AudioLDMPipeline of diffusers, in
f32 and with the model's vocoder.

    python tools/reference/audio_default.py

Writes tests/golden/audio: default.json (the requests) and default_N.safetensors (16 bits a sample).
"""

import diffusers
import torch
from diffusers import AudioLDMPipeline

import audioldm
from models import ROOT

MODEL = ROOT / "modalities/audio/default"
CASES = dict(
    single=dict(prompt="a high bell", seconds=0.8, steps=5, seed=7, cfg=3.0),
    sequence=dict(
        prompt="a dog barking, then a siren",
        seconds=0.8,
        steps=4,
        seed=8,
        cfg=3.0,
        sampler="dpmpp_2m",
    ),
)


def make(request):
    pipe = AudioLDMPipeline.from_pretrained(MODEL, dtype=torch.float32)
    if "sampler" in request:
        name = audioldm.CLASSES[request["sampler"]]
        pipe.scheduler = getattr(diffusers, name).from_config(pipe.scheduler.config)
    return audioldm.call(pipe, request)


def main():
    diffusers.utils.logging.set_verbosity_error()
    requests = audioldm.save_sounds("default", CASES, make)
    audioldm.save_document("default", dict(cases={
        name: dict(request, vocoder="model") for name, request in requests.items()}))


if __name__ == "__main__":
    with torch.no_grad():
        main()
