"""The kinds of sound: each a function of (rng, samples, traits) that draws one of its kind.

traits: a dictionary with `pitch`, `tempo` and `direction`; 0 is low, slow, falling; 1 is high,
fast, rising; -1 is none. KINDS says which a kind has. No level: scenes.py sets it.
"""

import numpy as np

from synth import (RATE, band, clock, decay, harmonics, hold, noise, place, resonant, samples,
                   shaped, sine, slow, strikes, string)


def between(rng, low, high):
    """Log-uniform."""
    return low * (high / low) ** rng.random()


def pitch(rng, traits, low, high):
    """A frequency from one of two ranges, chosen by the trait."""
    return between(rng, *(high if traits["pitch"] == 1 else low))


def tempo(rng, traits, low, high):
    return between(rng, *(high if traits["tempo"] == 1 else low))


def melody(rng, frequency, count):
    scale = np.array([0, 2, 4, 7, 9])
    return frequency * 2 ** (scale[rng.integers(0, 5, count)] / 12)


def tone(rng, n, traits):
    f = pitch(rng, traits, (110, 260), (1000, 2800))
    levels = [[1], [1, 0, 1 / 9, 0, 1 / 25], [1, .5, .3, .15, .1]][rng.integers(3)]
    return harmonics(f, n, levels) * hold(n, .03, .08)


def sweep(rng, n, traits):
    low, high = between(rng, 120, 320), between(rng, 1800, 4500)
    x = np.linspace(0, 1, n) ** rng.uniform(.8, 1.25)
    if traits["direction"] == 0:
        x = x[::-1]
    levels = [[1], [1, .4, .2]][rng.integers(2)]
    return harmonics(low * (high / low) ** x, n, levels) * hold(n, .03, .08)


def guitar(rng, n, traits):
    f = pitch(rng, traits, (75, 130), (420, 800))
    at = strikes(rng, n, tempo(rng, traits, (.9, 1.5), (4, 6.5)), .03)
    bright, keep = rng.uniform(.5, .95), rng.uniform(.985, .995) ** (110 / f)
    notes = melody(rng, f, len(at))
    return place(n, [(a, string(rng, g, min(n - a, samples(1.6)), bright, keep))
                     for a, g in zip(at, notes)])


def piano(rng, n, traits):
    f = pitch(rng, traits, (65, 130), (700, 1300))
    at = strikes(rng, n, tempo(rng, traits, (.7, 1.2), (3.5, 5.5)), .03)
    out = []
    for a, g in zip(at, melody(rng, f, len(at))):
        m, stretch = min(n - a, samples(2.5)), rng.uniform(2e-4, 5e-4)
        note = np.zeros(m, np.float32)
        for chord in (1, 1.5) if rng.random() < .5 else (1, 1.26, 1.5):
            for k in range(1, 7):
                h = k * g * chord * np.sqrt(1 + stretch * k * k)
                if h < 7000:
                    note += sine(h, m) * np.exp2(-clock(m) * (1 + .6 * k)) / k ** 1.3
        thump = shaped(rng, min(m, 900), band(60, 500)) * decay(min(m, 900), .008)
        note *= np.minimum(clock(m) / .006, 1)
        note[:len(thump)] += .5 * thump
        out.append((a, note))
    return place(n, out)


def bell(rng, n, traits):
    f = pitch(rng, traits, (140, 260), (1100, 1900))
    at = strikes(rng, n, tempo(rng, traits, (.45, .75), (2.5, 4)), .03)
    partials = np.array([.5, 1, 1.19, 1.56, 2, 2.51, 2.66, 3.01, 4.1]) * (
        1 + rng.uniform(-.01, .01, 9))
    levels = np.array([.5, .8, .7, .4, 1, .5, .4, .5, .3]) * rng.uniform(.6, 1.3, 9)
    m = min(n, samples(3.2))
    hit = np.zeros(m, np.float32)
    for ratio, level in zip(partials, levels):
        if ratio * f < 7600:
            hit += level * sine(ratio * f, m, rng.uniform(0, 6)) * \
                decay(m, rng.uniform(.35, .6) / ratio ** .5)
    return place(n, [(a, hit * rng.uniform(.7, 1)) for a in at])


def drum_hit(rng, f, seconds=.35):
    m = samples(seconds)
    skin = sine(f * (1 + 1.2 * np.exp(-clock(m) / .02)), m) * decay(m, rng.uniform(.04, .08))
    return skin + .3 * shaped(rng, m, band(f, 12 * f)) * decay(m, .01)


def drum(rng, n, traits):
    f = pitch(rng, traits, (50, 90), (210, 380))
    at = strikes(rng, n, tempo(rng, traits, (.9, 1.4), (4.5, 7)), .05)
    hit = drum_hit(rng, f)
    return place(n, [(a, hit * rng.uniform(.6, 1)) for a in at])


def beat(rng, n, traits):
    """Kick, snare and hi-hat in quavers: a bar of four."""
    step = RATE * 60 / tempo(rng, traits, (66, 88), (155, 200)) / 2
    kick = drum_hit(rng, rng.uniform(48, 65)) * 1.3
    m = samples(.2)
    snare = shaped(rng, m, band(400, 6000)) * decay(m, .03) * .5 + sine(190, m) * decay(m, .03) * .5
    hat = shaped(rng, samples(.06), band(6500, 9000, 4)) * decay(samples(.06), .01) * .3
    pattern = [rng.choice(["k", "k", "kk"]), "", "s", rng.choice(["", "k"]), "k", "", "s", ""]
    out = []
    for i, at in enumerate(np.arange(rng.uniform(0, .05) * RATE, n, step).astype(int)):
        out += [(at, hat * rng.uniform(.7, 1))]
        out += [(at, kick)] * ("k" in pattern[i % 8]) + [(at, snare)] * ("s" in pattern[i % 8])
    return place(n, out)


def rain(rng, n, traits):
    hiss = shaped(rng, n, band(rng.uniform(1800, 3000), 7500, 1.5))
    drops = np.zeros(n, np.float32)
    at = rng.integers(0, n, int(n / RATE * rng.uniform(60, 200)))
    drops[at] = rng.exponential(1, len(at))
    drops = resonant(drops, rng.uniform(2500, 4500), 900)
    return (.5 * hiss + 1.2 * drops / (drops.std() + 1e-9) * .6) * hold(n, .15, .15)


def wind(rng, n, traits):
    out = .25 * shaped(rng, n, band(60, 350, 1.2)) * slow(rng, n, .8, .4)
    for f in (between(rng, 260, 420), between(rng, 480, 700), between(rng, 760, 1050)):
        howl = slow(rng, n, .5)
        out += shaped(rng, n, band(.93 * f, 1.07 * f, 8)) * howl ** 2
    return out * hold(n, .25, .25)


def waves(rng, n, traits):
    t, period = clock(n), rng.uniform(1.7, 2.6)
    x = ((t / period + rng.random() * .5) % 1).astype(np.float32)
    swell = np.where(x < .45, (x / .45) ** 2, np.exp(-(x - .45) * 5))
    low = shaped(rng, n, band(150, 700, 1.2)) * (.15 + swell)
    high = shaped(rng, n, band(900, 4000, 1)) * swell ** 2
    return (.7 * low + high) * hold(n, .1, .15)


def thunder(rng, n, traits):
    crack = shaped(rng, n, band(80, 2500, 1)) * decay(n, rng.uniform(.06, .12), .01)
    rumble = shaped(rng, n, band(35, 110, 1.6)) * slow(rng, n, .22, .1) * \
        decay(n, rng.uniform(.6, 1.1), .08)
    return 1.2 * crack + 1.3 * rumble


def bird(rng, n, traits):
    f = pitch(rng, traits, (1700, 2400), (4000, 5600))
    out, length = [], rng.uniform(.05, .08) if traits["tempo"] == 1 else rng.uniform(.14, .24)
    m, shape = samples(length), rng.integers(3)
    x = np.linspace(0, 1, m)
    curve = [x, 1 - x, np.sin(np.pi * x)][shape]
    chirp = sine(f * (1 + rng.uniform(.2, .35) * curve), m) * np.sin(np.pi * x) ** .7
    at = strikes(rng, n, tempo(rng, traits, (1.4, 2.2), (7, 10)), .06)
    kept = [a for i, a in enumerate(at) if traits["tempo"] != 1 or i % 6 != 5]
    out = [(a, chirp * rng.uniform(.7, 1)) for a in kept]
    return place(n, out)


def insects(rng, n, traits):
    """Crickets: bursts of pulses on one high carrier."""
    f, pulse = between(rng, 4300, 6200), rng.uniform(26, 36)
    t = clock(n)
    carrier = sine(f, n) + .3 * sine(f * 1.03, n)
    pulses = np.clip(np.sin(2 * np.pi * pulse * t), 0, 1) ** 1.5
    per_second = tempo(rng, traits, (1.1, 1.8), (4, 5.5))
    chirps = ((t * per_second + rng.random()) % 1) < .55
    return carrier * pulses * chirps * hold(n)


def engine(rng, n, traits):
    x = np.linspace(0, 1, n)
    if traits["direction"] >= 0:
        low, high = between(rng, 26, 36), between(rng, 110, 160)
        f = low * (high / low) ** (x if traits["direction"] == 1 else 1 - x)
    else:
        f = tempo(rng, traits, (22, 32), (100, 150)) * (1 + .03 * slow(rng, n, .6))
    levels = np.array([.6, 1, .5, .8, .5, .6, .35, .4, .3, .3, .25, .2, .2, .15, .15, .1]) * \
        rng.uniform(.5, 1.3, 16)
    sound = harmonics(f, n, levels, rng.uniform(0, 6, 16))
    beats = .5 + .5 * sine(f / 2, n)
    return (sound + .5 * shaped(rng, n, band(90, 1200, 1)) * beats) * hold(n, .08, .1)


def siren(rng, n, traits):
    low, high = between(rng, 480, 640), between(rng, 1150, 1500)
    wave = np.sin(2 * np.pi * tempo(rng, traits, (.45, .7), (2.6, 4)) * clock(n) +
                  rng.uniform(0, 6))
    f = low * (high / low) ** (.5 + .5 * wave)
    return harmonics(f, n, [1, .5, .45, .25, .2, .1]) * hold(n, .05, .08)


def footsteps(rng, n, traits):
    def step(side):
        m = samples(.16)
        heel = shaped(rng, m, band(90, 420 + 90 * side, 2)) * decay(m, .012)
        sole = shaped(rng, m, band(700, 2600, 1.5)) * decay(m, .018, .03) * .4
        return heel + np.concatenate([np.zeros(m // 3, np.float32), sole[:m - m // 3]])
    at = strikes(rng, n, tempo(rng, traits, (1.1, 1.7), (3.4, 5)), .05)
    return place(n, [(a, step(i % 2) * rng.uniform(.7, 1)) for i, a in enumerate(at)])


def ticking(rng, n, traits):
    """A clock: tick and tock, very short, of two pitches."""
    f = between(rng, 2200, 3200)
    m = samples(.05)
    tick = [sum(sine(f * r * k, m, rng.uniform(0, 6)) * decay(m, .004, .0004)
                for k in (1, 1.62, 2.2) if f * r * k < 7800) for r in (1, .78)]
    at = strikes(rng, n, tempo(rng, traits, (.9, 1.3), (4, 6)), .01)
    return place(n, [(a, tick[i % 2]) for i, a in enumerate(at)])


def phone(rng, n, traits):
    """An old telephone: a clapper between two small bells."""
    f, t = between(rng, 1100, 1500), clock(n)
    clapper = (t * rng.uniform(19, 25)) % 1
    stroke = np.exp(-clapper * 3)
    bells = sum(w * sine(f * k, n) for w, k in ((1, 1), (.8, 1.21), (.5, 2.4), (.4, 2.9)))
    ring, gap = rng.uniform(.75, 1.1), rng.uniform(.4, .6)
    on = ((t + rng.uniform(0, .1)) % (ring + gap)) < ring
    ease = np.convolve(on.astype(np.float32), np.full(400, 1 / 400, np.float32))[:n]
    return bells * stroke * ease


def laser(rng, n, traits):
    m = samples(.32 if traits["tempo"] == 0 else .15)
    x = np.linspace(0, 1, m)
    top, end = between(rng, 4200, 6500), between(rng, 180, 350)
    zap = harmonics(end + (top - end) * np.exp(-5 * x), m, [1, .5, .3]) * hold(m, .004, .05)
    at = strikes(rng, n, tempo(rng, traits, (1, 1.5), (4.5, 6)), .05)
    return place(n, [(a, zap) for a in at])


def applause(rng, n, traits):
    """Many hands: each clap a short burst of noise with its own resonance."""
    out = np.zeros(n, np.float32)
    for _ in range(6):
        claps = np.zeros(n, np.float32)
        at = rng.integers(0, n, int(n / RATE * rng.uniform(9, 16)))
        claps[at] = rng.uniform(.4, 1, len(at))
        m = samples(.03)
        f = between(rng, 800, 2000)
        burst = shaped(rng, m, band(.8 * f, 1.3 * f, 2)) * decay(m, .005, .0008)
        out += np.convolve(claps, burst)[:n]
    return (out + .12 * shaped(rng, n, band(700, 2500, 1.5))) * hold(n, .15, .2)


VOWELS = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410),
          (300, 870, 2240))   # a, e, i, o, u: Peterson and Barney. 1952


def voice(rng, n, traits):
    """A held or gliding vowel: a glottal pulse through three formants."""
    f = pitch(rng, traits, (85, 125), (230, 340)) * np.ones(n)
    t = np.linspace(0, 1, n)
    if traits["direction"] >= 0:
        f = f * 1.9 ** ((t if traits["direction"] == 1 else 1 - t) - .5)
    else:
        f = f * (1 + .015 * np.sin(2 * np.pi * rng.uniform(4.5, 6) * clock(n)))
    cycle = np.cumsum(f) / RATE
    pulses = np.diff(np.floor(cycle), prepend=0).astype(np.float32)
    source = resonant(pulses, 1, 180) + .0004 * noise(rng, n)
    scale = 1.15 if traits["pitch"] == 1 else 1
    formants = VOWELS[rng.integers(5)]
    out = sum(level * resonant(source, scale * f, width) / (scale * f) ** .3
              for level, f, width in zip((1, .7, .4), formants, (70, 100, 150)))
    return out * hold(n, .08, .12)


def dripping(rng, n, traits):
    at = strikes(rng, n, tempo(rng, traits, (.9, 1.4), (4, 6)), .12)
    out = []
    for a in at:
        m, f = samples(.12), between(rng, 700, 1100)
        out.append((a, sine(f * (1 + 1.1 * clock(m) / .1), m) * decay(m, .022, .004)))
    return place(n, out)


def bark(rng, n, traits):
    f = pitch(rng, traits, (130, 190), (480, 680))
    at = strikes(rng, n, tempo(rng, traits, (.9, 1.3), (3.2, 4.2)), .08)
    out = []
    for a in at:
        m = samples(rng.uniform(.14, .2))
        x = np.linspace(0, 1, m)
        pulse = harmonics(f * (.75 + .5 * np.sin(np.pi * x ** .7)), m, [1 / k ** .4
                                                                       for k in range(1, 16)])
        rough = pulse + .7 * shaped(rng, m, band(400, 2500, 1)) * np.abs(pulse)
        body = resonant(rough, 3.2 * f, 1.5 * f) + .4 * rough
        out.append((a, body * np.sin(np.pi * x ** .5) ** 1.5))
    return place(n, out)


def alarm(rng, n, traits):
    """Electronic beeps: even, on for half of the time."""
    f = pitch(rng, traits, (420, 620), (2000, 3000))
    x = (clock(n) * tempo(rng, traits, (1, 1.5), (4.5, 6.5))) % 1
    on = np.convolve((x < .5).astype(np.float32), np.full(80, 1 / 80, np.float32))[:n]
    return harmonics(f, n, [1, 0, .33, 0, .2]) * on


# name: (function, traits it has)
KINDS = {
    "tone": (tone, "p"), "sweep": (sweep, "d"), "guitar": (guitar, "pt"), "piano": (piano, "pt"),
    "bell": (bell, "pt"), "drum": (drum, "pt"), "beat": (beat, "t"), "rain": (rain, ""),
    "wind": (wind, ""), "waves": (waves, ""), "thunder": (thunder, ""), "bird": (bird, "pt"),
    "insects": (insects, "t"), "engine": (engine, "td"), "siren": (siren, "t"),
    "footsteps": (footsteps, "t"), "clock": (ticking, "t"), "phone": (phone, ""),
    "laser": (laser, "t"), "applause": (applause, ""), "voice": (voice, "pd"),
    "dripping": (dripping, "t"), "bark": (bark, "pt"), "alarm": (alarm, "pt"),
}
NAMES = list(KINDS)
# What can lie under another sound: it leaves room in time or in frequency.
BACKGROUNDS = ["rain", "wind", "waves", "thunder", "insects", "engine", "applause"]
