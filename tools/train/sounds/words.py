"""The sounds' text encoder: CLAP's, at small size, with RoBERTa's byte-level tokenizer.

Wu et al. Large-Scale Contrastive Language-Audio Pretraining. 2023; Liu et al. RoBERTa. 2019. A
caption becomes one vector of 512, of length 1.
"""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from transformers import ClapTextConfig, ClapTextModelWithProjection, RobertaTokenizer

import bpe
import scenes

LENGTH = 40
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def vocabulary():
    """The words of the captions, by how often they come."""
    rng, words = np.random.default_rng(0), random.Random(0)
    return Counter(w.strip(",") for _ in range(20000)
                   for w in scenes.caption(words, scenes.sample(rng)).split())


def write_tokenizer(folder):
    counts = Counter({"Ġ" + w: 10 for w in bpe.COMMON})
    for word in vocabulary():
        counts["Ġ" + word] += 1000
        counts[word] += 100      # as a prompt begins
    merges = bpe.learn(counts, list)
    tokens = SPECIAL + list(bpe.byte_symbols().values()) + ["".join(m) for m in merges]
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>",
               "pad_token": "<pad>", "cls_token": "<s>", "mask_token": "<mask>"}
    bpe.write(folder, tokens + ["<mask>"], merges,
              {"add_prefix_space": False, "errors": "replace", "trim_offsets": True,
               "model_max_length": LENGTH, "tokenizer_class": "RobertaTokenizer"}, special)


def load_tokenizer(folder):
    return RobertaTokenizer.from_pretrained(str(Path(folder)))


def encode(tokenizer, captions):
    """Token ids and the mask of what is no padding; no longer than the longest caption."""
    found = tokenizer(captions, padding=True, max_length=LENGTH, truncation=True,
                      return_tensors="pt")
    return found.input_ids, found.attention_mask


def make_encoder(tokenizer):
    return ClapTextModelWithProjection(ClapTextConfig(
        vocab_size=len(tokenizer), hidden_size=160, intermediate_size=480, projection_dim=512,
        num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=LENGTH + 2,
        type_vocab_size=1, pad_token_id=tokenizer.pad_token_id, layer_norm_eps=1e-5,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id))


def embed(encoder, ids, mask):
    return torch.nn.functional.normalize(encoder(ids, mask).text_embeds.float(), dim=-1)


if __name__ == "__main__":
    import sys
    write_tokenizer(sys.argv[1])
