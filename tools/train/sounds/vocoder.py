"""The sounds' vocoder and what it is trained by: spectra at several sizes, and a discriminator.

Kong et al. HiFi-GAN. 2020; Yamamoto et al. Parallel WaveGAN. 2020, section 2.2 (spectral losses);
Jang et al. UnivNet. 2021 (a discriminator of spectrograms at several resolutions), with least
squares as Mao et al. Least Squares Generative Adversarial Networks. 2017.
"""

import functools

import torch
import torch.nn.functional as F
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

import mel

CONFIG = dict(model_in_dim=mel.BANDS, sampling_rate=mel.RATE, upsample_initial_channel=256,
              upsample_rates=[8, 5, 4], upsample_kernel_sizes=[16, 11, 8],
              resblock_kernel_sizes=[3, 7], resblock_dilation_sizes=[[1, 3], [1, 3]],
              leaky_relu_slope=.1, normalize_before=False)
SIZES = (2048, 1024, 512, 128)


def make_vocoder():
    """Begins with signals of about 1 in every layer, if log-mels are about -5 +- 4; residual
    branches begin small."""
    model = SpeechT5HifiGan(SpeechT5HifiGanConfig(**CONFIG))
    with torch.no_grad():
        for name, layer in model.named_modules():
            if isinstance(layer, torch.nn.ConvTranspose1d):
                taps = layer.kernel_size[0] / layer.stride[0]
                layer.weight.normal_(0, (2 / (layer.in_channels * taps)) ** .5)
            elif isinstance(layer, torch.nn.Conv1d):
                gain = .2 if "convs2" in name else .1 if name == "conv_post" else 1
                layer.weight.normal_(0, gain * (2 / layer.weight[0].numel()) ** .5)
        model.conv_pre.weight /= 4
        model.conv_pre.bias += 5 * model.conv_pre.weight.sum((1, 2))
    return model


@functools.cache
def window(size):
    return torch.hann_window(size)


def spectrum(audio, size):
    """[n, samples] to magnitudes [n, frequencies, frames], a quarter of the size apart."""
    return torch.stft(audio, size, size // 4, window=window(size), return_complex=True).abs()


def stft_distance(found, wanted, sizes=SIZES):
    """The mean over the sizes of spectral convergence and the distance of logarithms."""
    total = 0
    for size in sizes:
        a, b = spectrum(found, size), spectrum(wanted, size)
        # Relative to the whole sound, silence taken as if magnitudes were .02.
        convergence = ((a - b).square().mean((1, 2)).add(1e-9).sqrt() /
                       b.square().mean((1, 2)).add(4e-4).sqrt()).mean()
        total = total + convergence + ((a + 1e-3).log() - (b + 1e-3).log()).abs().mean()
    return total / len(sizes)


class Discriminator(torch.nn.Module):
    """Looks at one size of spectrum: says for each place how real it sounds."""

    def __init__(self, size, width=24):
        super().__init__()
        self.size, c = size, 2
        layers = []
        for stride in (1, 2, 2, 2):
            layers.append(torch.nn.Conv2d(c, width, (7, 3), (stride, 1), (3, 1)))
            c = width
        self.layers = torch.nn.ModuleList(layers)
        self.last = torch.nn.Conv2d(c, 1, 3, padding=1)

    def forward(self, audio):
        spectra = torch.stft(audio, self.size, self.size // 4, window=window(self.size),
                             return_complex=True)
        # Logarithms for what is soft, roots for what is loud.
        x = torch.stack([(spectra.abs() + 1e-3).log() / 4, (spectra.abs() + 1e-6).sqrt() / 2], 1)
        x, features = x.contiguous(memory_format=torch.channels_last), []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), .1)
            features.append(x)
        return self.last(x), features


class Discriminators(torch.nn.ModuleList):
    def __init__(self, sizes=(1024, 512, 128)):
        super().__init__(Discriminator(s) for s in sizes)

    def forward(self, audio):
        return [d(audio) for d in self]


def judged(discriminators, found, wanted):
    """Losses of the vocoder, which cannot move the discriminators, and of these."""
    frozen = {k: v.detach() for k, v in discriminators.named_parameters()}
    with torch.autocast("cpu", torch.bfloat16):
        fooled = torch.func.functional_call(discriminators, frozen, (found,))
        real, fake = discriminators(wanted), discriminators(found.detach())
    adversarial = sum((1 - score.float()).square().mean() for score, _ in fooled)
    matching = sum((a.float() - b.float().detach()).abs().mean() /
                   b.float().detach().abs().mean()
                   for (_, f), (_, r) in zip(fooled, real) for a, b in zip(f, r))
    apart = sum((1 - r.float()).square().mean() + f.float().square().mean()
                for (r, _), (f, _) in zip(real, fake))
    return (adversarial + matching) / len(discriminators), apart
