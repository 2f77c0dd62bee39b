"""Scenes of one or two sounds: labels, their rendering, and captions in several phrasings."""

import numpy as np

import synth
from kinds import BACKGROUNDS, KINDS, NAMES

SAMPLES = 66560            # 4.16 s: 416 frames, 52 latents
ARRANGEMENTS = ["single", "sequence", "together"]
TRAITS = {"p": "pitch", "t": "tempo", "d": "direction"}
LEVELS = {0: (.04, .1), -1: (.25, .6), 1: (.85, .98)}   # soft, neither, loud: the highest peak
# In a pair of sounds at once, foreground and background in this order; space: 1 is a hall.
LABEL = np.dtype([("arrangement", "i1"), ("kind", "i1", 2), ("pitch", "i1", 2),
                  ("tempo", "i1", 2), ("direction", "i1", 2), ("level", "i1"), ("space", "i1")])


def blank():
    label = np.zeros((), LABEL)
    for field in ("kind", "pitch", "tempo", "direction"):
        label[field] = -1
    return label


def draw_traits(rng, label, i):
    """Traits that kind i of the label can have; an engine has a direction or a tempo."""
    name = NAMES[label["kind"][i]]
    has = KINDS[name][1]
    for letter in has:
        label[TRAITS[letter]][i] = rng.integers(2)
    if "d" in has and has != "d" and rng.random() < .5:
        label["direction"][i] = -1
    if "t" in has and label["direction"][i] >= 0:
        label["tempo"][i] = -1


def sample(rng):
    label = blank()
    label["arrangement"] = rng.choice(3, p=(.5, .27, .23))
    first, second = rng.permutation(len(NAMES))[:2]
    if label["arrangement"] == 2:
        second = NAMES.index(BACKGROUNDS[rng.integers(len(BACKGROUNDS))])
        while NAMES[first] in BACKGROUNDS:
            first = rng.integers(len(NAMES))
    label["kind"][0] = first
    if label["arrangement"]:
        label["kind"][1] = second
    for i in range(1 + (label["arrangement"] > 0)):
        draw_traits(rng, label, i)
    label["level"] = rng.choice([-1, 0, 1], p=(.5, .25, .25))
    label["space"] = rng.random() < .25
    return label


def sound(rng, label, i, n):
    traits = {k: int(label[k][i]) for k in TRAITS.values()}
    x = np.asarray(KINDS[NAMES[label["kind"][i]]][0](rng, n, traits), np.float32)[:n]
    return x / (np.abs(x).max() + 1e-9)


def loudness(x):
    """The root of the mean square over the loudest quarter of a second."""
    power = np.square(x[:len(x) // 4000 * 4000]).reshape(-1, 4000).mean(1)
    return np.sqrt(power.max()) + 1e-9


def render(rng, label, n=SAMPLES):
    """[n] from -1 to 1."""
    if label["arrangement"] == 0:
        x = sound(rng, label, 0, n)
    elif label["arrangement"] == 1:
        cut = int(n * rng.uniform(.45, .54))
        parts = [sound(rng, label, 0, cut), sound(rng, label, 1, n - cut)]
        parts[0] *= np.minimum(1, np.arange(cut, 0, -1) / 600)
        x = np.concatenate([p / max(loudness(p), .12) for p in parts])
    else:
        parts = [sound(rng, label, i, n) for i in (0, 1)]
        parts = [p / max(loudness(p), .12) for p in parts]
        x = parts[0] + parts[1] * rng.uniform(.25, .5)
    if label["space"]:
        x = synth.hall(rng, x)
    low, high = LEVELS[int(label["level"])]
    return (x * rng.uniform(low, high) / (np.abs(x).max() + 1e-9)).astype(np.float32)


# What a kind is called; {} takes adjectives. Verbs among them can be said to be fast or slow.
PHRASES = {
    "tone": ["a {}tone", "a {}steady tone", "a {}beep tone", "a {}constant tone", "a {}hum"],
    "sweep": ["a {}sweep", "a {}tone sweep", "a {}glissando", "a {}frequency sweep"],
    "guitar": ["a {}guitar", "{}guitar notes", "a {}plucked string", "{}plucked guitar strings",
               "a {}guitar playing"],
    "piano": ["a {}piano", "{}piano chords", "{}piano notes", "a {}piano playing"],
    "bell": ["a {}bell", "a {}bell ringing", "a {}ringing bell", "a {}bell tolling", "{}bells"],
    "drum": ["a {}drum", "{}drums", "a {}drum hit", "{}drumming", "{}drum hits"],
    "beat": ["a {}beat", "a {}drum beat", "a {}drum kit", "a {}rhythm", "a {}drum loop"],
    "rain": ["{}rain", "{}rain falling", "{}rainfall", "{}falling rain"],
    "wind": ["{}wind", "{}wind blowing", "{}howling wind", "the {}wind howling"],
    "waves": ["{}waves", "{}ocean waves", "{}sea waves", "{}waves on a beach", "the {}sea"],
    "thunder": ["{}thunder", "a {}thunderclap", "{}rolling thunder", "{}thunder rumbling"],
    "bird": ["a {}bird", "a {}bird singing", "{}birds chirping", "{}birdsong",
             "a {}bird chirping"],
    "insects": ["{}crickets", "{}insects", "{}crickets chirping", "a {}cricket"],
    "engine": ["an {}engine", "an {}engine running", "a {}motor", "a {}car engine"],
    "siren": ["a {}siren", "a {}police siren", "a {}siren wailing", "an {}ambulance siren"],
    "footsteps": ["{}footsteps", "{}steps", "someone {}walking", "{}footsteps on a floor"],
    "clock": ["a {}clock", "a {}clock ticking", "a {}ticking clock", "{}ticking"],
    "phone": ["a {}phone", "a {}phone ringing", "a {}telephone", "a {}ringing telephone"],
    "laser": ["a {}laser", "{}laser shots", "{}laser gun shots", "{}lasers", "a {}ray gun"],
    "applause": ["{}applause", "{}clapping", "an {}audience clapping", "a {}crowd clapping"],
    "voice": ["a {}voice", "a {}voice singing a vowel", "a {}human voice", "a {}person singing"],
    "dripping": ["{}dripping", "{}dripping water", "{}water drops", "a {}dripping tap"],
    "bark": ["a {}dog", "a {}dog barking", "a {}barking dog", "{}barking"],
    "alarm": ["an {}alarm", "{}beeps", "{}alarm beeps", "{}electronic beeps", "an {}alarm clock"],
}
ADJECTIVES = {
    "pitch": (["low", "low", "deep", "low-pitched"], ["high", "high", "high-pitched"]),
    "tempo": (["slow"], ["fast", "fast", "quick", "rapid"]),
    "direction": (["falling", "descending"], ["rising", "ascending"]),
    "level": (["soft", "quiet", "faint"], ["loud", "loud", "very loud"]),
}
AFTER = {"tempo": (["slowly"], ["fast", "quickly", "rapidly"]),
         "direction": (["going down", "falling in pitch"], ["going up", "rising in pitch"])}
# Words of a kind for its own traits, that say more than the common ones.
SPECIAL = {("engine", "direction"): (["slowing down", "decelerating"],
                                     ["accelerating", "speeding up", "revving up"]),
           ("engine", "tempo"): (["idling"], ["revving"])}
SPECIAL_ADJECTIVES = {("bark", "pitch"): (["big", "large"], ["small", "little"]),
                      ("voice", "pitch"): (["male", "deep", "low"], ["female", "high"]),
                      ("rain", "level"): (["light", "soft"], ["heavy", "loud"]),
                      ("wind", "level"): (["gentle", "soft"], ["strong", "loud"]),
                      ("waves", "level"): (["gentle", "quiet"], ["big", "loud"])}
SPACES = (["close up", "nearby", "up close"],
          ["in a hall", "in a large hall", "in a church", "with reverb", "with echo",
           "with a long echo"])
STARTS = ["", "", "", "", "the sound of ", "sound of ", "a recording of ", "sounds of "]
SEQUENCES = ["{0} followed by {1}", "{0}, then {1}", "first {0}, then {1}", "{1} after {0}",
             "{0} and then {1}", "{0} before {1}"]
PAIRS = ["{0} and {1}", "{0} with {1}", "{0} with {1} in the background", "{0} over {1}",
         "{1} and {0}", "{0} together with {1}", "{0} and {1} at the same time"]


def with_article(phrase, adjectives):
    words = phrase.format(adjectives).split()
    if words[0] in ("a", "an"):
        words[0] = "an" if words[1][0] in "aeiou" else "a"
    return " ".join(words)


def noun(words, label, i, said):
    """Kind i with its traits in words; said: the share of traits that is told."""
    name, before, after = NAMES[label["kind"][i]], [], []
    for trait in ("pitch", "tempo", "direction", "level"):
        value = int(label[trait] if trait == "level" else label[trait][i])
        if value < 0 or trait == "level" and i or words.random() >= said:
            continue
        key = (name, trait)
        if key in SPECIAL:
            after.append(words.choice(SPECIAL[key][value]))
        elif trait in AFTER and words.random() < .3:
            after.append(words.choice(AFTER[trait][value]))
        elif key in SPECIAL_ADJECTIVES and words.random() < .6:
            before.append(words.choice(SPECIAL_ADJECTIVES[key][value]))
        else:
            before.append(words.choice(ADJECTIVES[trait][value]))
    words.shuffle(before)
    text = with_article(words.choice(PHRASES[name]), "".join(b + " " for b in before))
    return " ".join([text] + after)


def caption(words, label, said=.65):
    """words: random.Random. A caption that is true, and leaves some of the label unsaid."""
    text = noun(words, label, 0, said)
    if label["arrangement"]:
        forms = SEQUENCES if label["arrangement"] == 1 else PAIRS
        text = words.choice(forms).format(text, noun(words, label, 1, said))
    if words.random() < (said + .2 if label["space"] else .3 * said):
        comma = ", " if words.random() < .4 else " "
        text += comma + words.choice(SPACES[int(label["space"])])
    return words.choice(STARTS) + text
