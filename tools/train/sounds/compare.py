"""The vocoder against Griffin-Lim, from the same log-mels of sounds that no training saw.

Log-spectral distance: of power spectra in dB (1024, hop 160), the root of the mean square over
frequencies, averaged over frames; powers below -100 dB of the loudest count as that. The STFT
distance is vocoder.py's. Griffin and Lim. Signal estimation from modified short-time Fourier
transform. 1984, with the momentum of Perraudin et al. A Fast Griffin-Lim Algorithm. 2013, as
librosa has it.
"""

import argparse

import librosa
import numpy as np
import torch

import checkpoint
import mel
import vocoder


def log_spectral(found, wanted):
    a, b = (mel.magnitudes(x[None])[0].square() for x in (found, wanted))
    floor = b.max() * 1e-10
    difference = 10 * (a.clamp(min=floor) / b.clamp(min=floor)).log10()
    return difference.square().mean(1).sqrt().mean().item()


def griffin_lim(log_mel):
    power = np.exp(log_mel.numpy().T)
    magnitudes = librosa.feature.inverse.mel_to_stft(power, sr=mel.RATE, n_fft=mel.SIZE, power=1,
                                                     fmin=0, fmax=8000)
    return torch.from_numpy(librosa.griffinlim(magnitudes, n_iter=60, hop_length=mel.HOP,
                                               n_fft=mel.SIZE, random_state=0))


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--data", default="data")
    args.add_argument("--vocoder", default="vocoder.pt", help="or an exported folder")
    args.add_argument("--count", type=int, default=100)
    args = args.parse_args()
    torch.set_num_threads(1)
    generator = vocoder.make_vocoder().eval()
    generator.load_state_dict(checkpoint.read_vocoder(args.vocoder)["weights"])
    sounds = np.load(f"{args.data}/check_00_audio.npy", mmap_mode="r")[:args.count]
    rows = {"vocoder": [], "Griffin-Lim": []}
    for sound in sounds:
        wanted = torch.from_numpy(sound.astype(np.float32) / 32767)
        log_mel = mel.log_mel(wanted[None])[0]
        with torch.no_grad():
            made = {"vocoder": generator(log_mel), "Griffin-Lim": griffin_lim(log_mel)}
        for name, found in made.items():
            found = torch.nn.functional.pad(found, (0, max(0, len(wanted) - len(found))))
            found = found[:len(wanted)]
            again = mel.log_mel(found[None])[0]
            rows[name].append((log_spectral(found, wanted),
                               vocoder.stft_distance(found[None], wanted[None]).item(),
                               (again - log_mel).abs().mean().item()))
    for name, values in rows.items():
        spectral, stft, mels = np.mean(values, 0)
        print(f"| {name} | {spectral:.2f} dB | {stft:.3f} | {mels:.3f} |")


if __name__ == "__main__":
    main()
