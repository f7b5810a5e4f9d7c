"""What PEFT computes with adapters that Palate wrote. Asked by test/unit/engine/adapterPeer.test.ts and `prove peer`:

    python read_adapter.py < request.json > answer.json

request: [{"base": folder, "adapter": folder, "task": "CAUSAL_LM" | "SEQ_CLS", "ids": [[…], …], "last": true | false}, …]
answer: [[numbers of a row, …], …]: logits of every token (of the last alone, with "last"), token by token; for SEQ_CLS one score.
"""
import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification


def main():
    torch.set_num_threads(1)
    json.dump([read(**one) for one in json.load(sys.stdin)], sys.stdout)


def read(base, adapter, task, ids, last=False):
    options = {'dtype': torch.float32, 'attn_implementation': 'eager'}
    if task == 'SEQ_CLS':
        model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, **options)
    else:
        model = AutoModelForCausalLM.from_pretrained(base, **options)
    model = PeftModel.from_pretrained(model, adapter).eval()
    with torch.no_grad():
        rows = [model(input_ids=torch.tensor([row])).logits[0] for row in ids]
    return [(row[-1] if last else row).flatten().tolist() for row in rows]


if __name__ == '__main__':
    main()
