"""What Transformers and the package gguf read in exported models. Asked by test/unit/engine/exportPeer.test.ts:

    python read_export.py < request.json > answer.json

request: [{"path", "base", "ids": [[…], …]}, …]. `base` is a Hugging Face folder of the same shape: Transformers reads
weights from GGUF files, but not every setting.
answer: [{"logits": [[of the last token], …], "types": {tensor: format}, "fields": {key: value}}, …], the last two for GGUF.
"""
import json
import sys
from pathlib import Path

import gguf
import torch
from transformers import AutoConfig, AutoModelForCausalLM


def main():
    torch.set_num_threads(1)
    json.dump([read(Path(model['path']), model['base'], model['ids']) for model in json.load(sys.stdin)], sys.stdout)


def read(path, base, rows):
    answer = {}
    if path.suffix == '.gguf':
        reader = gguf.GGUFReader(path)
        answer['types'] = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
        keys = ['general.architecture', 'general.file_type', 'tokenizer.ggml.pre', 'tokenizer.ggml.eos_token_id']
        answer['fields'] = {key: reader.get_field(key).contents() for key in keys}
        where, options = path.parent, {'gguf_file': path.name, 'config': AutoConfig.from_pretrained(base)}
    else:
        where, options = path, {}
    model = AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32, attn_implementation='eager', **options)
    with torch.no_grad():
        answer['logits'] = [model.eval()(input_ids=torch.tensor([ids])).logits[0, -1].tolist() for ids in rows]
    return answer


if __name__ == '__main__':
    main()
