"""Byte-pair encoding for small vocabularies of captions.

Sennrich et al. Neural Machine Translation of Rare Words with Subword Units. 2016; over bytes as
GPT-2 has it, so that any text can be written: Radford et al. Language Models are Unsupervised
Multitask Learners. 2019.
"""

import json
from collections import Counter
from pathlib import Path

# Words that prompts may hold though no caption does.
COMMON = """
the of and to in is it you that he was for on are with as his they be at one have this from or had
by hot but some what there we can out other were all your when up use word how said each she which
do their time if will way about many then them would write like so these her long make thing see him
two has look more day could go come did my sound no most number who over know water than call first
people may down been now find any new work part take get place made live where after back little
only round man year came show every good me give our under name very through just form much great
think say help low line before turn cause same mean differ move right boy old too does tell sentence
set three want air well also play small end put home read hand port large spell add even land here
must big high such follow act why ask men change went light kind off need house picture try us again
animal point mother world near build self earth father dog cat tree flower sun moon star sky cloud
rain river lake sea mountain hill forest field road street city town castle bridge tower door window
table lamp book bird fish horse cow sheep lion tiger bear wolf fox rabbit mouse snake dragon train
bus truck bike plane rocket ship hat shoe shirt dress face eye ear nose mouth hair arm leg foot
apple banana bread cake egg milk tea coffee bowl plate spoon fork knife clock phone camera computer
guitar piano drum wooden stone glass plastic paper gold silver dark bright soft hard warm cold wet
dry empty full open closed tall short photo image painting drawing sketch render style detailed
realistic colorful next above below beside between inside outside around another four five six seven
eight nine ten
""".split()


def byte_symbols():
    """The printable character that stands for each byte, as in GPT-2's tokenizer."""
    kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    moved = [b for b in range(256) if b not in kept]
    return {**{b: chr(b) for b in kept}, **{b: chr(256 + i) for i, b in enumerate(moved)}}


def merge(symbols, pair):
    out, i = [], 0
    while i < len(symbols):
        if tuple(symbols[i:i + 2]) == pair:
            out.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


def learn(weights, split):
    """Merges until every word is one token. weights: how much each word counts; split(word): its
    symbols."""
    words = {w: split(w) for w in weights}
    merges = []
    while any(len(words[w]) > 1 for w in words):
        pairs = Counter()
        for w, symbols in words.items():
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += weights[w]
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        words = {w: merge(s, best) for w, s in words.items()}
    return merges


def write(folder, tokens, merges, config, special):
    """The files of a slow tokenizer. tokens: by id; special: roles and their tokens."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    assert len(set(tokens)) == len(tokens)
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)},
                                                  ensure_ascii=False))
    lines = ["#version: 0.2"] + [" ".join(m) for m in merges]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    config = {**config, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
