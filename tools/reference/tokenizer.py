"""Writes tests/golden/text: what transformers' CLIPTokenizer makes of prompts, for CLIP's
vocabulary and for a small one. Pinned: transformers 5.23.0, tokenizers 0.23.3.

    python tools/reference/tokenizer.py
"""

import json
import random
import shutil
import tempfile
from pathlib import Path

import tokenizers
import transformers
from transformers import CLIPTokenizer

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/golden/text"
BOS, EOS = "<|startoftext|>", "<|endoftext|>"

PROMPTS = (
    """
a photo of a cat
A Red Cube on a GREEN sphere!
an astronaut riding a horse on mars, 4k, highly detailed
portrait of a woman, (masterpiece:1.2), [blurry], {best|worst} <lora:foo:0.8>
it's the cat's toy; they're we've I'm you'll he'd don't
IT'S THE CAT'S TOY; THEY'RE WE'VE I'M YOU'LL HE'D DON'T
rock'n'roll 'tis o'clock 's 't 're 've 'm 'll 'd 'S 'x
''''s '' ' ''s''t
don’t it’s “curly” ‘quotes’
1024x768 and 3.14159 or 1,000,000
2001: a space odyssey, 50mm f/1.4 ISO100 #hashtag @mention
²³¹ ½ ⅓ Ⅷ ⅻ ① ⑳ ٣٤٥ १२३ 四五六 𝟘𝟙𝟚
café crème brûlée naïve façade Ærøskøbing
cafe\u0301 cre\u0300me bru\u0302le\u0301e nai\u0308ve fac\u0327ade
Ångström A\u030angstro\u0308m \u212bngström
ＦＵＬＬ ｗｉｄｔｈ １２３
ﬁne ﬂow oﬃce ﬆ
ß ẞ STRASSE straße
İstanbul ISTANBUL ıstanbul iİıI
ΣΊΣΥΦΟΣ σίσυφος Ὀδυσσεύς ΑΣ. ΑΣ
ПРИВЕТ мир, Ёжик в тумане Й и\u0306
日本の城と桜、富士山の夕焼け
中文提示词：一只可爱的猫，高清，4K
한국어 프롬프트 고양이 \u1112\u1161\u11ab
قطة جميلة في الحديقة ١٢٣ العَرَبِيَّة
חתול יפה בגן שָׁלוֹם
แมวน่ารัก ภาพถ่าย
हिन्दी में एक बिल्ली ज़ क\u093c
தமிழ் பூனை ৳ বাংলা ড\u09bc
ქართული ᲥᲐᲠᲗᲣᲚᲘ հայերեն ՀԱՅԵՐԵՆ
Ꭰꭰ ꮳ Ꮳ Ǆ ǅ ǆ Ǳ ǲ
😀 😃😄 🐈 👩‍🚀 👨‍👩‍👧‍👦 🏳️‍🌈 🇫🇷🇩🇪 👍🏽 ☃ ☃️ ❤️ ©®™
cat😀dog 🐱🐶a1😀2b
🫠🫡🪿🫨 🦖🦕
→ ← ∑ ∫ √ ∞ ≈ ≠ ± × ÷ € £ ¥ ₿ $ ¢
box ─│┌┐ ░▒▓ ♠♥♦♣ ♪♫
&amp; &lt;b&gt; &quot;x&quot; &#39; &eacute; &nbsp;
<b>bold</b> <!-- comment --> </w> <pad> <|x|>
hello</w> world</w>
"""
    + """
a_b __init__ snake_case camelCase kebab-case dot.case path/to/file c:\\\\dir
!!! ??? ... ,,, ;;; ::: --- ___ *** /// \\\\\\\\ ||| ~~~ ``` ^^^
a!b?c.d,e;f:g-h_i*j/k|l~m`n^o
x=y+z*(a-b)/c%d & e | f ^ g ~ h << 2 >> 3 <= >= == != :=
supercalifragilisticexpialidocious antidisestablishmentarianism
pneumonoultramicroscopicsilicovolcanoconiosis
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbb zzzzzzzz
asdfghjkl qwertyuiop zxcvbnm
the quick brown fox jumps over the lazy dog
THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG
trending on artstation, octane render, unreal engine 5, 8k uhd, dslr
greg rutkowski, alphonse mucha, wlop, ilya kuvshinov
a red sphere to the left of a blue cone, front view
two mugs, one on top of the other; overhead view
matte yellow car behind a shiny purple house in a desert
"""
)

# What a line of the list above cannot hold.
SPECIAL = [
    "",
    " ",
    "   ",
    "\n",
    "\t\n\r",
    "\u00a0",
    "\u3000\u2003",
    "\u200b",
    "\ufeff",
    "\u2060",
    " leading",
    "trailing ",
    "  a   b  ",
    "a\nb\tc\r\nd",
    "a\u00a0b\u3000c\u2028d\u2029e\u202ff\u205fg\u1680h",
    "a\u0085b",
    "a\x0bb\x0cc",
    "a\u200bb\u200cc\u200dd\u2060e\ufefff",
    "a\u180eb",
    "a\x1cb\x1dc\x1ed\x1fe",
    "\x00",
    "a\x00b",
    "a\x01b\x02c\x7fd\x80e\x9ff",
    "\x1b[31mred\x1b[0m",
    "\b\a",
    "a\u00adb",
    "a\u034fb",
    "\u202eabc\u202c",
    "\ufffd",
    "a\ufffdb",
    "\U0010ffff",
    "\ue000\uf8ff",
    "\U000e0041\U000e007f",
    BOS,
    EOS,
    BOS + EOS,
    BOS + " a cat " + EOS,
    "a cat" + EOS + "a dog",
    "a" + EOS + EOS + "b",
    "<|STARTOFTEXT|> a <|EndOfText|>",
    "<|startoftext|",
    "|endoftext|>",
    "<|end oftext|>",
    "<<|endoftext|>>",
    "!" + EOS + "!",
    "x!" + BOS + "!y",
    "<|endoftext|>'s",
    "e\u0301" + EOS + "\u0301e",
    EOS + "\u0327",
    "!\u0338=",
    "a!",
    "hello, world!",
    "!!",
    "wow!!! so big !",
    "!a!b!",
    "\u00a1hola!",
    "\uff01 \u203c \u2049",
    "a" * 300,
    "ab" * 200,
    "cat " * 100,
    "1" * 120,
    "!" * 100,
    "\u65e5" * 90,
    "\U0001f600" * 40,
    "a very long prompt, " * 20 + "the end",
    " ".join(f"word{i}" for i in range(60)),
    " ".join(["cat"] * 75),
    " ".join(["cat"] * 76),
    " ".join(["cat"] * 74) + " supercalifragilistic",
    "cat " * 74 + "!",
    "\u0301",
    "\u0301a",
    "a\u0301\u0301\u0302",
    "q\u0307\u0323",
    "q\u0323\u0307",
    "\u1e9b\u0323",
    "\u0344",
    "\u0958",
    "\u2126 \u212a \u212b",
    "\ufb1d\ufb2a",
    "\u1fbe\u1fef",
    "\ufa0e\ufa10\uf900",
    "\U0002f800",
    "\U0001d15e",
    "\uac00\u11a8",
    "\u1100\u1161\u11a8",
    "\u10d0\u1c90",
    "\U00010400\U00010428",
    "\U0001e900",
    "\u2c00\u2c30",
    "\ua7ae\u026a",
    "\u0243\u0180",
    "\u24b6\u24d0",
    "\u2160\u2170",
    "\u1e9e",
    "\u0130\u0131",
    "\u01c5",
    "\u03a3 \u03c2 \u03c3",
    "\u1f88",
    "\u0660\u06f0\u0966\u0e50\uff10\U0001d7ce",
    "\u00b2\u2070\u2460\u2776\u3220\u3007",
    "\u0bf0\u0f33\u2cfd\u3192",
    "\u02b0\u02c7\u02ee\u0374\u037a",
    "\u0903\u093e\u0940",
    "\u20dd\u20e3 1\ufe0f\u20e3 #\ufe0f\u20e3",
    "\ufe0f\ufe0e",
    "\u16ee\u16ef\u16f0",
    "\ua9cf\uaa70",
    "\U0001f1eb\U0001f1f7",
    "\U0001f469\u200d\U0001f4bb",
    "\u2012\u2013\u2014\u2015 \u2026 \u2022 \u00b7 \u00b6 \u00a7",
    "\u0301\u0301\u0301",
    "\u3099\u304b\u3099",
]


def prompts():
    lines = PROMPTS.strip().split("\n")
    mixed = random.Random(7)
    words = [
        "cat",
        "Dog",
        "\u00e9t\u00e9",
        "\u732b",
        "42",
        "!?",
        "'s",
        "it's",
        "\U0001f431",
        "<|",
        "|>",
        "x",
        "THE",
        "\u0645\u0631\u062d\u0628\u0627",
        "a\u0308",
        ".",
        "_",
        "\u0663",
        "-1.5e3",
        BOS,
        EOS,
    ]
    shuffled = [
        "".join(
            mixed.choice(words) + mixed.choice(["", " ", "  ", "\t"])
            for _ in range(mixed.randint(1, 9))
        )
        for _ in range(60)
    ]
    return lines + SPECIAL + shuffled


def clip_vocabulary():
    order = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(b) for b in order]
    symbols += [chr(256 + i) for i in range(256 - len(order))]
    merges = (
        (ROOT / "modalities/text/clip_bpe/merges.txt")
        .read_text(encoding="utf-8")
        .split("\n")[1:48895]
    )
    tokens = (
        symbols + [s + "</w>" for s in symbols] + [m.replace(" ", "") for m in merges] + [BOS, EOS]
    )
    assert len(set(tokens)) == 49408
    return {token: i for i, token in enumerate(tokens)}, merges


def small_vocabulary():
    """Few merges over part of the byte symbols, so that some text has no symbols of its own."""
    words = "a cat red cube the sphere on left of blue photo house".split()
    symbols = sorted(set("".join(words)) | set("!,.'0123456789<|>zsmtgndpk"))
    merges, tokens = [], [s + e for e in ("", "</w>") for s in symbols]
    for word in words:
        left = word[0] if len(word) > 1 else None
        for i, letter in enumerate(word[1:], 2):
            right = letter + ("</w>" if i == len(word) else "")
            if f"{left} {right}" not in merges:
                merges.append(f"{left} {right}")
                tokens.append(left + right)
            left += right
    tokens += [BOS, EOS]
    return {token: i for i, token in enumerate(tokens)}, merges


def write_folder(folder, vocabulary, merges, config, special_map=None):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text(
        "#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8"
    )
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    if special_map:
        (folder / "special_tokens_map.json").write_text(json.dumps(special_map, indent=1) + "\n")


def token(content, normalized):
    return {
        "__type": "AddedToken",
        "content": content,
        "lstrip": False,
        "normalized": normalized,
        "rstrip": False,
        "single_word": False,
    }


def bare(entry):
    return {k: v for k, v in entry.items() if k != "__type"}


def record(tokenizer, name):
    cases = []
    for prompt in prompts():
        full = tokenizer(prompt, add_special_tokens=False).input_ids
        padded = tokenizer(prompt, padding="max_length", truncation=True, max_length=77).input_ids
        expected = [tokenizer.bos_token_id, *full[:75], tokenizer.eos_token_id]
        assert padded == expected + [tokenizer.pad_token_id] * (77 - len(expected)), prompt
        cases.append([prompt, full[:120]])
    golden = {
        "source": f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}",
        "bos": tokenizer.bos_token_id,
        "eos": tokenizer.eos_token_id,
        "pad": tokenizer.pad_token_id,
        "max_length": tokenizer.model_max_length,
        "cases": cases,
    }
    text = json.dumps(golden, ensure_ascii=True, separators=(",", ":"))
    assert len(text) <= 65536, (name, len(text))
    (OUT / f"{name}.json").write_text(text + "\n")
    print(name, len(cases), "prompts", len(text), "bytes")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp())
    bos, eos = token(BOS, True), token(EOS, True)
    released = {
        "bos_token": bos,
        "eos_token": eos,
        "unk_token": eos,
        "pad_token": EOS,
        "model_max_length": 77,
        "tokenizer_class": "CLIPTokenizer",
        "add_prefix_space": False,
    }
    clip = clip_vocabulary()
    # As clip_bpe/ holds it, as released with Stable Diffusion 1.5, and with SDXL's second encoder.
    write_folder(
        work / "clip",
        *clip,
        json.loads((ROOT / "modalities/text/clip_bpe/tokenizer_config.json").read_text()),
    )
    record(CLIPTokenizer.from_pretrained(work / "clip"), "clip")
    write_folder(
        work / "sd15",
        *clip,
        released,
        {"bos_token": bare(bos), "eos_token": bare(eos), "unk_token": bare(eos), "pad_token": EOS},
    )
    record(CLIPTokenizer.from_pretrained(work / "sd15"), "clip_released")
    decoder = {
        "0": bare(token("!", False)) | {"special": True},
        "49406": bare(bos) | {"special": True},
        "49407": bare(eos) | {"special": True},
    }
    write_folder(
        work / "sdxl2",
        *clip,
        {
            "bos_token": BOS,
            "eos_token": EOS,
            "unk_token": EOS,
            "pad_token": "!",
            "model_max_length": 77,
            "tokenizer_class": "CLIPTokenizer",
            "added_tokens_decoder": decoder,
        },
    )
    record(CLIPTokenizer.from_pretrained(work / "sdxl2"), "clip_pad_0")
    for name in ("clip_released", "clip_pad_0"):
        folder = work / {"clip_released": "sd15", "clip_pad_0": "sdxl2"}[name]
        for file in ("tokenizer_config.json", "special_tokens_map.json"):
            if (folder / file).exists():
                (OUT / name).mkdir(exist_ok=True)
                shutil.copy(folder / file, OUT / name / file)

    # The small vocabulary in both layouts; the second is what transformers 5 saves.
    write_folder(
        OUT / "small",
        *small_vocabulary(),
        {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77},
    )
    small = CLIPTokenizer.from_pretrained(OUT / "small")
    record(small, "small_golden")
    small.save_pretrained(OUT / "small_saved")
    record(CLIPTokenizer.from_pretrained(OUT / "small_saved"), "small_saved_golden")


if __name__ == "__main__":
    main()
