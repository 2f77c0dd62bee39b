"""Goldens of the tokenizers of CLAP (RoBERTa) and T5: what transformers makes of prompts, with
small vocabularies that are trained here and saved in the released layouts.

    python tools/reference/roberta_t5.py

Writes tests/golden/text/roberta*, t5* and their .json.
"""

import json
import os
import shutil
import tempfile
import unicodedata
from pathlib import Path

import sentencepiece
import tokenizers
import transformers
from tokenizers import ByteLevelBPETokenizer
from transformers import RobertaTokenizer, T5Tokenizer

import tokenizer as clip

OUT = clip.OUT
CORPUS = [
    "a dog barks in the distance while it's raining, and the wind blows",
    "the sound of a hammer hitting a wooden surface; a low siren rises",
    "A man is speaking loudly with a crowd cheering in the background",
    "birds chirp, insects buzz, waves crash on the shore. don't you hear them?",
    "techno music with a strong, upbeat tempo at 128 bpm and high melodic riffs",
    "caf\u00e9 cr\u00e8me br\u00fbl\u00e9e na\u00efve fa\u00e7ade"
    " \u65e5\u672c\u306e\u57ce\u3068\u685c"
    " \u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 \u2014 \u00e9t\u00e9",
]
# White space and special tokens, which the three tokenizers take in different ways.
MORE = [
    "a  b   c    d",
    "a \n b",
    "a\n\nb\n",
    " \n\t x",
    "x \u3000\u3000y",
    "x\u3000 y \u00a0",
    "tab\tand \t tab",
    "the 's 'S it 's don 't",
    "<s> a dog </s>",
    "<s></s><pad><unk><mask>",
    "a <mask> barks",
    "a   <mask>   barks<mask>",
    " <mask>",
    "<S> <Mask> < mask>",
    "a<pad>b <pad> c",
    "<extra_id_0> a <extra_id_1>b<extra_id_99> <extra_id_100>",
    "\u2581",
    "a\u2581b \u2581c d\u2581",
    "\u2581\u2581a\u2581\u2581",
    "\uff1c/s\uff1e \uff1cpad\uff1e",
    "\uff21\u0301 \uff21\u0301\u0302 \ufb01 \u2460\u0301",
    "\u0438\u0306 e\u0301\u0323 e\u0323\u0301",
    "\ufdfa \u3300 \u33a1",
    "\u1100\u1161\u11a8 \uac01",
    "a\u0000b \u0007 \u00ad",
    "\U0001f9d1\u200d\U0001f680 \U0001f1e9\U0001f1ea\U0001f1eb",
    "dog" * 400,
    "\u732b" * 300,
    "\u0301" * 50,
    "the dog barks " * 60,
]
ROBERTA = dict(
    bos_token="<s>",
    eos_token="</s>",
    unk_token="<unk>",
    sep_token="</s>",
    pad_token="<pad>",
    cls_token="<s>",
    mask_token="<mask>",
)


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def roberta_folder(folder, config, special):
    """In the layout in which AudioLDM's tokenizer is released."""
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        CORPUS * 4,
        vocab_size=512,
        min_frequency=2,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        show_progress=False,
    )
    folder.mkdir(parents=True, exist_ok=True)
    trained.save_model(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    vocabulary["<mask>"] = len(vocabulary)
    (folder / "vocab.json").write_text(
        json.dumps(vocabulary, ensure_ascii=False, separators=(",", ":")), encoding="utf-8"
    )
    write(folder / "tokenizer_config.json", config)
    if special:
        write(folder / "special_tokens_map.json", special)


def rules(path):
    """A part of nmt_nfkc's rules: what the prompts hold, and what normalisation composes of it."""
    text = "".join(prompts()) + "".join(chr(c) for c in range(0x20))
    lines = {}
    for c in sorted(set(text) | {unicodedata.normalize("NFC", t) for t in DECOMPOSED}):
        target = unicodedata.normalize("NFKC", c)
        if c in "\t\n\r\u200b\ufeff" or unicodedata.category(c) == "Zs":
            target = " "
        elif unicodedata.category(c) in ("Cc", "Cf") and c not in "\u200c\u200d":
            target = ""
        if target != c:
            lines[c] = target
        parts = unicodedata.normalize("NFD", c)
        if parts != c and unicodedata.normalize("NFKC", parts) != parts:
            lines[parts] = unicodedata.normalize("NFKC", parts)
    for c in " \0":   # the one stays, the other ends a string
        lines.pop(c, None)

    def code(s):
        return " ".join(f"{ord(c):X}" for c in s)

    path.write_text("".join(f"{code(a)}\t{code(b)}\n" for a, b in sorted(lines.items()) if a))


DECOMPOSED = (
    "e\u0301 e\u0300 u\u0302 i\u0308 c\u0327 A\u030a o\u0308 \u0438\u0306".split()
)


def t5_folder(folder, work):
    os.chdir(work)   # the model says where its parts lie
    rules(work / "rules.tsv")
    folder.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 4 + clip.PROMPTS.split("\n")),
        model_prefix="spiece",
        vocab_size=480,
        model_type="unigram",
        normalization_rule_tsv="rules.tsv",
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    shutil.copy(work / "spiece.model", folder / "spiece.model")
    write(
        folder / "tokenizer_config.json",
        dict(
            tokenizer_class="T5Tokenizer",
            model_max_length=64,
            extra_ids=100,
            eos_token="</s>",
            unk_token="<unk>",
            pad_token="<pad>",
        ),
    )


def prompts():
    return clip.prompts() + MORE


def record(tokenizer, name, chosen):
    begin = [tokenizer.cls_token_id] if name.startswith("roberta") else []
    length, pad, end = tokenizer.model_max_length, tokenizer.pad_token_id, tokenizer.eos_token_id
    cases = []
    for prompt in chosen:
        full = tokenizer(prompt, add_special_tokens=False).input_ids
        padded = tokenizer(prompt, padding="max_length", truncation=True, max_length=length)
        text = full[: length - 1 - len(begin)]
        expected = [*begin, *text, end]
        assert padded.input_ids == expected + [pad] * (length - len(expected)), prompt
        assert sum(padded.attention_mask) == len(expected), prompt
        cases.append([prompt, full[:90], len(full)])
    golden = dict(
        source=f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}, "
        f"sentencepiece {sentencepiece.__version__}",
        bos=begin[0] if begin else -1,
        eos=end,
        pad=pad,
        max_length=length,
        cases=cases,
    )
    text = json.dumps(golden, ensure_ascii=True, separators=(",", ":"))
    assert len(text) <= 65536, (name, len(text))
    (OUT / f"{name}.json").write_text(text + "\n")
    print(name, len(cases), "prompts", len(text), "bytes", len(tokenizer), "tokens")


def check_saved(tokenizer, folder):
    """What transformers saves today gives the same ids, hence has no goldens of its own."""
    tokenizer.save_pretrained(folder)
    saved = type(tokenizer).from_pretrained(folder)
    for prompt in prompts():
        assert saved(prompt).input_ids == tokenizer(prompt).input_ids, prompt


def main():
    work = Path(tempfile.mkdtemp())
    released = dict(ROBERTA, tokenizer_class="RobertaTokenizer", model_max_length=64)
    mask = dict(content="<mask>", lstrip=True, normalized=False, rstrip=False, single_word=False)
    special = dict(ROBERTA, mask_token=mask)
    config = dict(released, mask_token=dict(mask, __type="AddedToken"))
    roberta_folder(OUT / "roberta", config, special)
    whole = RobertaTokenizer.from_pretrained(OUT / "roberta")
    record(whole, "roberta", prompts())
    check_saved(whole, OUT / "roberta_saved")
    roberta_folder(work / "spaced", dict(released, add_prefix_space=True), None)
    record(RobertaTokenizer.from_pretrained(work / "spaced"), "roberta_spaced", MORE)

    t5_folder(OUT / "t5", work)
    whole = T5Tokenizer.from_pretrained(OUT / "t5")
    record(whole, "t5", prompts())
    check_saved(whole, OUT / "t5_saved")
    for file in OUT.glob("*/*"):
        assert file.stat().st_size <= 65536, (file, file.stat().st_size)


if __name__ == "__main__":
    main()
