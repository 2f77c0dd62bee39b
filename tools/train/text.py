"""The default model's tokenizer, in CLIP's format, and its text encoder.

The vocabulary is CLIP's construction at small size: the 256 byte symbols, the same with the
end-of-word mark, merges learned by byte-pair encoding (Sennrich et al. Neural Machine Translation
of Rare Words with Subword Units. 2016), and two special tokens. Every word of the captions is one
token; any other text falls back to pieces and bytes.
"""

from collections import Counter
from pathlib import Path

from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import bpe
import world

LENGTH = 32


def learn_merges():
    weights = Counter({w: 10 for w in bpe.COMMON})
    weights.update({w: 1000 for w in world.vocabulary()})
    return bpe.learn(weights, lambda w: list(w[:-1]) + [w[-1] + "</w>"])


def write_tokenizer(folder):
    merges = learn_merges()
    symbols = list(bpe.byte_symbols().values())
    tokens = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
               "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    bpe.write(folder, tokens, merges,
              {"add_prefix_space": False, "do_lower_case": True, "errors": "replace",
               "model_max_length": LENGTH, "tokenizer_class": "CLIPTokenizer"}, special)


def load_tokenizer(folder):
    return CLIPTokenizer(str(Path(folder) / "vocab.json"), str(Path(folder) / "merges.txt"),
                         model_max_length=LENGTH)


def encode(tokenizer, captions):
    return tokenizer(captions, padding="max_length", max_length=LENGTH, truncation=True,
                     return_tensors="pt").input_ids


def make_encoder(tokenizer):
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=192, intermediate_size=768, projection_dim=192,
        num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=LENGTH,
        hidden_act="quick_gelu", bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id))


if __name__ == "__main__":
    import sys
    write_tokenizer(sys.argv[1])
