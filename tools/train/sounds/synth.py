"""Building blocks of the synthesised sounds: oscillators, noise, strings, resonances, halls.

Every function takes a numpy Generator where it draws, and works on whole arrays. Sounds are f32
arrays at RATE samples a second; frequencies in Hz, times in seconds.
"""

import numpy as np
from scipy.signal import fftconvolve, lfilter

RATE = 16000


def samples(seconds):
    return max(1, int(seconds * RATE))


def clock(n):
    return np.arange(n, dtype=np.float32) / RATE


def sine(frequency, n, phase=0.0):
    """frequency: a number, or one for each of the n samples."""
    if np.ndim(frequency) == 0:
        return np.sin(2 * np.pi * frequency * clock(n) + phase)
    return np.sin(2 * np.pi * np.cumsum(frequency) / RATE + phase).astype(np.float32)


def harmonics(frequency, n, levels, phases=None):
    """A sum of partials at 1, 2, 3... times the frequency, those above the band left out."""
    base = 2 * np.pi * np.cumsum(np.broadcast_to(np.float64(frequency), n)) / RATE
    top = np.max(frequency)
    out = np.zeros(n, np.float32)
    for k, level in enumerate(levels, 1):
        if k * top < .48 * RATE and level:
            out += level * np.sin(k * base + (phases[k - 1] if phases is not None else 0))
    return out


def noise(rng, n):
    return rng.standard_normal(n, np.float32)


def shaped(rng, n, gain):
    """Noise whose spectrum follows gain(frequencies), with a standard deviation of 1."""
    m = -(-n // 1024) * 1024
    spectrum = np.fft.rfft(noise(rng, m)) * gain(np.fft.rfftfreq(m, 1 / RATE) + 1e-3)
    out = np.fft.irfft(spectrum, m)[:n].astype(np.float32)
    return out / (out.std() + 1e-9)


def band(low, high, slope=2.0):
    """A gain for shaped(): flat from low to high, falling by slope powers of frequency outside."""
    return lambda f: 1 / np.sqrt((1 + (low / f) ** (2 * slope)) * (1 + (f / high) ** (2 * slope)))


def slow(rng, n, period, least=0.0):
    """A smooth random curve from least to 1 that turns about every period."""
    count = max(2, int(np.ceil(n / RATE / period)) + 2)
    t = np.linspace(0, count - 1.001, n) * min(1, n / RATE / period / (count - 1) + .2)
    knots, i = rng.uniform(least, 1, count + 1), t.astype(int)
    mix = .5 - .5 * np.cos(np.pi * (t - i))
    return (knots[i] * (1 - mix) + knots[i + 1] * mix).astype(np.float32)


def resonant(x, frequency, bandwidth):
    """A two-pole resonator with unit gain at its frequency, about."""
    r = np.exp(-np.pi * bandwidth / RATE)
    w = 2 * np.pi * frequency / RATE
    return lfilter([(1 - r) * np.sqrt(1 - 2 * r * np.cos(2 * w) + r * r)],
                   [1, -2 * r * np.cos(w), r * r], x).astype(np.float32)


def decay(n, half, attack=.002):
    """Rises within attack, then halves every half seconds."""
    t = clock(n)
    return np.minimum(t / attack, 1) * np.exp2(-t / half)


def hold(n, attack=.03, release=.05):
    """1, but for a rise at the begin and a fall at the end."""
    t = clock(n)
    return np.minimum(np.minimum(t / attack, (n / RATE - t) / release), 1)


def string(rng, frequency, n, bright, keep):
    """A plucked string. Karplus and Strong. Digital Synthesis of Plucked-String and Drum Timbres.
    1983. keep: the share of the sound that is left after one period, at most 1."""
    period = int(RATE / frequency)
    burst = np.zeros(n, np.float32)
    pluck = min(period, n)
    burst[:pluck] = lfilter([bright], [1, bright - 1], rng.uniform(-1, 1, pluck))
    loop = np.zeros(period + 2)
    loop[0], loop[period], loop[period + 1] = 1, -.5 * keep, -.5 * keep
    return lfilter([1], loop, burst).astype(np.float32)


def strikes(rng, n, per_second, jitter=.08, first=None):
    """Sample positions of events at a steady tempo with a human hand."""
    step = RATE / per_second
    start = rng.uniform(0, .12) * RATE if first is None else first * RATE
    at = start + step * np.arange(int(n / step) + 2)
    at = at + rng.uniform(-jitter, jitter, len(at)) * step
    return np.unique(np.clip(at, 0, None).astype(int)[at < n - 800])


def place(n, events):
    """Sums (position, sound) pairs into n samples."""
    out = np.zeros(n, np.float32)
    for at, sound in events:
        end = min(n, at + len(sound))
        out[at:end] += sound[:end - at]
    return out


def hall(rng, x):
    """x in a large room: early echoes and an exponentially decaying, darkening tail."""
    seconds = rng.uniform(1.4, 2.6)
    n = samples(seconds)
    bright = noise(rng, n) * np.exp(-6.9 * 1.8 * clock(n) / seconds)
    dark = lfilter([.25], [1, -.75], noise(rng, n)) * np.exp(-6.9 * clock(n) / seconds)
    tail = bright * .5 + dark * 2.5
    tail[:samples(rng.uniform(.008, .03))] = 0
    for _ in range(6):
        tail[samples(rng.uniform(.01, .09))] += rng.choice([-1, 1]) * rng.uniform(2, 5)
    tail = tail / np.sqrt(np.square(tail).sum())
    tail[0] = rng.uniform(.35, .6)
    return fftconvolve(x, tail)[:len(x)].astype(np.float32)
