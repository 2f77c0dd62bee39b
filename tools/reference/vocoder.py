"""Goldens of HiFi-GAN: transformers' SpeechT5HifiGan, and the generator of its authors
(github.com/jik876/hifi-gan, models.py) restated here, with weights that a hash makes.

    python tools/reference/vocoder.py [NAME...]

Writes tests/golden/audio/NAME.vocoder.json (the configuration, shapes and lengths) and
NAME.vocoder.safetensors (samples of the waveform). Weights stand in the files as the named
spelling of weight normalisation has them.
"""

import functools
import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import leaky_relu
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

from models import noise, weight

OUT = Path(__file__).resolve().parents[2] / "tests/golden/audio"
torch.set_num_threads(2)
torch.set_grad_enabled(False)


def same(channels, kernel, dilation):
    return nn.Conv1d(
        channels, channels, kernel, dilation=dilation, padding=(kernel - 1) * dilation // 2
    )


class ResBlock(nn.Module):
    """ResBlock1 ("1", every dilated convolution followed by a plain one) and ResBlock2 ("2")."""

    def __init__(self, channels, kernel, dilations, kind):
        super().__init__()
        dilated = nn.ModuleList(same(channels, kernel, d) for d in dilations)
        if kind == "1":
            self.convs1 = dilated
            self.convs2 = nn.ModuleList(same(channels, kernel, 1) for _ in dilations)
        else:
            self.convs = dilated

    def forward(self, x):
        if hasattr(self, "convs"):
            for conv in self.convs:
                x = conv(leaky_relu(x, 0.1)) + x
            return x
        for first, second in zip(self.convs1, self.convs2):
            x = second(leaky_relu(first(leaky_relu(x, 0.1)), 0.1)) + x
        return x


class Generator(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["upsample_initial_channel"]
        self.conv_pre = nn.Conv1d(config["num_mels"], width, 7, padding=3)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for rate, kernel in zip(config["upsample_rates"], config["upsample_kernel_sizes"]):
            padding = (kernel - rate) // 2
            self.ups.append(nn.ConvTranspose1d(width, width // 2, kernel, rate, padding))
            width //= 2
            for k, d in zip(config["resblock_kernel_sizes"], config["resblock_dilation_sizes"]):
                self.resblocks.append(ResBlock(width, k, d, config["resblock"]))
        self.conv_post = nn.Conv1d(width, 1, 7, padding=3)

    def forward(self, x):
        x = self.conv_pre(x)
        blocks = len(self.resblocks) // len(self.ups)
        for i, up in enumerate(self.ups):
            x = up(leaky_relu(x, 0.1))
            x = sum(b(x) for b in self.resblocks[i * blocks : (i + 1) * blocks]) / blocks
        return torch.tanh(self.conv_post(leaky_relu(x)))[:, 0]


V1 = dict(
    resblock="1",
    upsample_rates=[8, 8, 2, 2],
    upsample_kernel_sizes=[16, 16, 4, 4],
    upsample_initial_channel=512,
    resblock_kernel_sizes=[3, 7, 11],
    resblock_dilation_sizes=[[1, 3, 5]] * 3,
    num_mels=80,
    n_fft=1024,
    hop_size=256,
    win_size=1024,
    sampling_rate=22050,
    fmin=0,
    fmax=8000,
)
V3 = dict(
    V1,
    resblock="2",
    upsample_rates=[8, 8, 4],
    upsample_kernel_sizes=[16, 16, 8],
    upsample_initial_channel=256,
    resblock_kernel_sizes=[3, 5, 7],
    resblock_dilation_sizes=[[1, 2], [2, 6], [3, 12]],
)
AUDIO_LDM = dict(
    model_type="speecht5_hifigan",
    model_in_dim=64,
    sampling_rate=16000,
    upsample_initial_channel=1024,
    upsample_rates=[5, 4, 2, 2, 2],
    upsample_kernel_sizes=[16, 16, 8, 4, 4],
    resblock_kernel_sizes=[3, 7, 11],
    resblock_dilation_sizes=[[1, 3, 5]] * 3,
    leaky_relu_slope=0.1,
    normalize_before=False,
)
G_V, ORIGINAL, FOLDED = "weight_g", "parametrizations", "folded"
# configuration, spelling of the weights, frames, and the gain of each row of weights, on average,
# that keeps the waveform between silence and saturation
MODELS = {
    "v1": (V1, G_V, 23, 1.2),
    "v2": (dict(V1, upsample_initial_channel=128), G_V, 23, 1.2),
    "v3": (V3, ORIGINAL, 23, 1.4),
    "audio_ldm": (AUDIO_LDM, FOLDED, 37, 0.9),
    "small": (
        dict(
            AUDIO_LDM,
            model_in_dim=10,
            upsample_initial_channel=24,
            upsample_rates=[3, 2],
            upsample_kernel_sizes=[8, 5],
            resblock_kernel_sizes=[3, 5],
            resblock_dilation_sizes=[[1, 2], [3]],
            leaky_relu_slope=0.2,
            normalize_before=True,
        ),
        ORIGINAL,
        131,
        1.4,
    ),
    "tiny": (
        dict(V3, num_mels=12, upsample_initial_channel=16, upsample_rates=[4, 3],
             upsample_kernel_sizes=[8, 3], hop_size=12),
        G_V,
        67,
        1.4,
    ),
}


def normalised(model, spelling):
    if spelling == FOLDED:
        return
    norm = nn.utils.weight_norm if spelling == G_V else nn.utils.parametrizations.weight_norm
    for module in list(model.modules()):
        if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
            norm(module)


def value(name, shape, gain):
    """As models.weight(), but for the gains and the scale."""
    if name.endswith(("weight_g", "original0")):
        return gain + 0.3 * noise(name, shape)
    if name == "scale":
        return 1.5 + noise(name, shape)
    return weight(name, shape)


def build(config, spelling, gain):
    if "model_type" in config:
        model = SpeechT5HifiGan(SpeechT5HifiGanConfig(**config))
    else:
        model = Generator(config)
    normalised(model, spelling)
    state = {k: value(k, tuple(v.shape), gain) for k, v in model.state_dict().items()}
    if spelling == FOLDED:
        state = {k: v * gain if k.endswith("weight") else v for k, v in state.items()}
    model.load_state_dict(state)
    return model.eval()


def tree_of(state):
    tree = {}
    for name, tensor in state.items():
        *path, leaf = name.split(".")
        functools.reduce(lambda node, part: node.setdefault(part, {}), path, tree)[leaf] = list(
            tensor.shape
        )
    return tree


def main(names):
    OUT.mkdir(parents=True, exist_ok=True)
    for name in names or MODELS:
        config, spelling, frames, gain = MODELS[name]
        model = build(config, spelling, gain)
        mels = config.get("model_in_dim", config.get("num_mels"))
        mel = noise(f"{name}.mel", (1, frames, mels)) * 3
        waveform = model(mel if "model_type" in config else mel.transpose(1, 2))[0]
        document = dict(
            source=f"transformers {transformers.__version__}, torch {torch.__version__}",
            config=config,
            frames=frames,
            samples=len(waveform),
            gain=gain,
            tensors=tree_of(model.state_dict()),
        )
        lines = json.dumps(document, separators=(",", ":"))
        (OUT / f"{name}.vocoder.json").write_text(lines + "\n")
        path = OUT / f"{name}.vocoder.safetensors"
        save_file({"waveform": waveform.contiguous()}, path)
        assert max(path.stat().st_size, len(lines)) <= 65536, (name, path.stat().st_size)
        print(name, tuple(waveform.shape), len(lines), round(waveform.std().item(), 3))


if __name__ == "__main__":
    main(sys.argv[1:])
