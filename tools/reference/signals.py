"""Goldens of mel spectrograms, of what CLAP sees, and of Griffin-Lim: librosa and transformers.

    python tools/reference/signals.py

Writes tests/golden/audio/mel.safetensors, clap_features.safetensors and griffin_lim.safetensors.
"""

from pathlib import Path

import librosa
import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import ClapFeatureExtractor

from models import noise

OUT = Path(__file__).resolve().parents[2] / "tests/golden/audio"


def sound(name, samples, rate):
    """A sweep that rises from 110 Hz, in noise."""
    s = np.arange(samples) / rate
    swept = 0.5 * np.sin(2 * np.pi * (110 * s + 1500 * s * s))
    return swept.astype(np.float32) + np.float32(0.03125) * noise(name, (samples,)).numpy()


BANKS = dict(  # rate, n_fft, bands, low, high, htk, norm
    audio_ldm=(16000, 1024, 64, 0, 8000, False, "slaney"),
    hifi_gan=(22050, 1024, 80, 0, 8000, False, "slaney"),
    clap=(48000, 1024, 64, 50, 14000, True, None),
    high=(44100, 2048, 128, 20, 22050, True, "slaney"),
    plain=(16000, 400, 80, 125, 7600, False, None),
)


def bank(name):
    rate, n_fft, bands, low, high, htk, norm = BANKS[name]
    return librosa.filters.mel(
        sr=rate, n_fft=n_fft, n_mels=bands, fmin=low, fmax=high, htk=htk, norm=norm
    )


def mel(x, name, n_fft, hop, window, padding, offset):
    x = torch.nn.functional.pad(torch.tensor(x)[None, None], (padding, padding), mode="reflect")
    spectra = torch.stft(x[0], n_fft, hop, window, torch.hann_window(window), center=False,
                         return_complex=True)[0]
    heard = (spectra.real**2 + spectra.imag**2 + offset).sqrt()
    return torch.log(torch.clamp(torch.tensor(bank(name)) @ heard, min=1e-5)).numpy().T


def mels():
    tensors = {}
    for name in BANKS:
        filters = bank(name).T.reshape(-1)
        places = np.flatnonzero(filters).astype(np.int32)
        tensors[f"{name}.places"], tensors[f"{name}.filters"] = places, filters[places]
    tensors["audio_ldm.mel"] = mel(
        sound("audio_ldm", 5700, 16000), "audio_ldm", 1024, 160, 1024, 512, 0)
    tensors["hifi_gan.mel"] = mel(
        sound("hifi_gan", 6500, 22050), "hifi_gan", 1024, 256, 1024, 384, 1e-9)
    return tensors


CLAP = dict(  # samples, options: a hop of 4800 makes spectrograms small
    short_fused=(20001, {}),
    short_repeat=(20001, dict(truncation="rand_trunc", padding="repeat")),
    short_pad=(20001, dict(truncation="rand_trunc", padding="pad")),
    exact=(48000, dict(truncation="rand_trunc")),
    little_more_fused=(49000, {}),
    more_fused=(53000, {}),
    long_fused=(200000, {}),
    long_crop=(200000, dict(truncation="rand_trunc")),
)


def clap():
    # What is drawn must be known: a third of the way.
    np.random.choice = lambda values: values[len(values) // 3]
    np.random.randint = lambda low, high: low + (high - low) // 3
    tensors = {}
    for name, (samples, options) in CLAP.items():
        extract = ClapFeatureExtractor(max_length_s=1, hop_length=4800, frequency_min=50, **options)
        mel, longer = extract._get_input_mel(
            sound(name, samples, 48000), extract.nb_max_samples, extract.truncation,
            extract.padding)
        tensors[name] = np.ascontiguousarray(mel[:1] if "short_fused" == name else mel)
        tensors[name + ".longer"] = np.array([longer], dtype=np.uint8)
    extract = ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc")
    found = extract(sound("full", 150000, 48000), sampling_rate=48000)["input_features"][0]
    tensors["full"] = np.ascontiguousarray(found[0][::32])
    return tensors


GRIFFIN_LIM = dict(  # iterations, momentum, seed
    first=(1, 0.99, 7),
    few=(4, 0.99, 7),
    fast=(32, 0.99, 7),
    plain=(32, 0.0, 3),
    unmoved=(16, 0.5, None),
)


def convergence(wanted, signal, **transform):
    """How far the magnitudes of a signal are from those wanted: relative L2."""
    found = np.abs(librosa.stft(signal, **transform))
    return np.array([np.linalg.norm(found - wanted) / np.linalg.norm(wanted)])


def griffin_lim():
    tensors, transform = {}, dict(n_fft=256, hop_length=64)
    wanted = np.abs(librosa.stft(sound("griffin_lim", 3000, 8000), **transform))
    for name, (iterations, momentum, seed) in GRIFFIN_LIM.items():
        signal = librosa.griffinlim(
            wanted, n_iter=iterations, momentum=momentum, random_state=seed,
            init=None if seed is None else "random", **transform)
        tensors[name] = signal.astype(np.float32)
        tensors[name + ".convergence"] = convergence(wanted, signal, **transform)
    x = sound("of_mel", 8000, 16000)
    transform = dict(n_fft=1024, hop_length=160)
    filters = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=64, fmax=8000)
    mel = filters @ np.abs(librosa.stft(x, pad_mode="reflect", **transform))
    magnitudes = librosa.util.nnls(filters, mel)
    tensors["of_mel.residual"] = np.array(
        [np.linalg.norm(filters @ magnitudes - mel) / np.linalg.norm(mel)])
    signal = librosa.griffinlim(magnitudes, random_state=0, **transform)
    found = filters @ np.abs(librosa.stft(signal, **transform))
    inner = (slice(None), slice(4, -4))  # away from the ends
    tensors["of_mel.convergence"] = np.array(
        [np.linalg.norm((found - mel)[inner]) / np.linalg.norm(mel[inner])])
    return tensors


def write(name, tensors):
    for key in tensors:
        if tensors[key].dtype == np.float64:
            tensors[key] = tensors[key].astype(np.float32)
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()},
              OUT / f"{name}.safetensors")


if __name__ == "__main__":
    write("mel", mels())
    write("clap_features", clap())
    write("griffin_lim", griffin_lim())
