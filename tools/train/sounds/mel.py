"""Log-mel spectrograms as AudioLDM takes them: 64 bands up to 8 kHz, 100 frames a second.

Magnitudes of an STFT of 1024 (Hann, hop 160, reflected at the ends), Slaney's mel scale and norm,
the logarithm of at least 1e-5; the last frame, centred on the end, is left out.
"""

import functools

import librosa
import numpy as np
import torch

RATE, SIZE, HOP, BANDS = 16000, 1024, 160, 64


@functools.cache
def filters():
    return torch.from_numpy(librosa.filters.mel(sr=RATE, n_fft=SIZE, n_mels=BANDS, fmin=0,
                                                fmax=8000))


def magnitudes(audio):
    """[n, samples] f32 to [n, frames, 513]."""
    spectrum = torch.stft(audio, SIZE, HOP, window=torch.hann_window(SIZE), return_complex=True)
    return spectrum.abs().transpose(1, 2)[:, :-1]


def log_mel(audio):
    """[n, samples] f32, a multiple of 160, to [n, samples / 160, 64]."""
    return (magnitudes(audio) @ filters().T).clamp(min=1e-5).log()


def read(path):
    """Bytes of 16 bit to f32."""
    return np.load(path, mmap_mode="r").astype(np.float32) / 32767
