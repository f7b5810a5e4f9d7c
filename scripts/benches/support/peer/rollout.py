"""Rollouts with Transformers and PEFT, timed. Asked by scripts/benches/generation.ts, a line of JSON each way:

    {"config": {LlamaConfig's arguments}, "rank": 16, "targets": [modules], "threads": 2}  →  {"ready": true}
    {"rows": 32, "prompt": 32, "tokens": 96}  →  {"seconds": 12.3}

Weights are random: only the work counts. Sampling is plain, at temperature 1, and no token ends an answer.
"""
import json
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, logging


def main():
    logging.set_verbosity_error()
    asked = json.loads(sys.stdin.readline())
    torch.set_num_threads(asked['threads'])
    torch.manual_seed(1)
    config = LlamaConfig(**asked['config'])
    adapter = LoraConfig(r=asked['rank'], lora_alpha=2 * asked['rank'], target_modules=asked['targets'])
    model = get_peft_model(LlamaForCausalLM(config).float(), adapter).eval()
    answer({'ready': True})
    for line in sys.stdin:
        answer({'seconds': rollout(model, config.vocab_size, **json.loads(line))})


def rollout(model, vocabulary, rows, prompt, tokens):
    ids = torch.randint(0, vocabulary, (rows, prompt))
    start = time.perf_counter()
    with torch.no_grad():
        made = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            temperature=1.0,
            top_k=0,
            min_new_tokens=tokens,
            max_new_tokens=tokens,
            eos_token_id=None,
            pad_token_id=0,
        )
    assert made.shape == (rows, prompt + tokens)
    return time.perf_counter() - start


def answer(value):
    print(json.dumps(value), flush=True)


if __name__ == '__main__':
    main()
