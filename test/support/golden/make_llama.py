"""Golden values of tiny models of the Llama family, from Transformers and PEFT. make_gpt2.py and make_gemma.py use the functions here.

    pip install torch transformers peft tokenizers safetensors numpy
    python make_llama.py        rewrites llama.json, tied/, untied/, families.json and the families' folders beside this

Every value is float32 on the CPU. Weights come from numpy's seeded generator, so a second run writes the same bytes.
What each field holds is in README.md.
"""
import json
import math
import shutil
from pathlib import Path

import numpy
import peft
import safetensors.torch
import tokenizers
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, LlamaConfig
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen3Config

from golden_json import number, numbers, write

HERE = Path(__file__).resolve().parent
MODULES = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']
MODULES_OF = {'gpt2': ['c_attn', 'c_proj', 'c_fc']}
END = 2  # <|im_end|>: ends an answer, stands inside a prompt, and fills rows up: a mask made from ids is wrong
ROWS = [('the cat<|im_end|> sat on', ' a warm mat.'), ('where is', ' it?')]
PAIRS = [('the cat sat on a', ' warm mat.', ' bus, i am told, and left.'), ('where is it?', ' on the mat.', ' no!')]
TEXTS = ['the cat sat on a warm mat.', "isn't it?  two\nlines", 'a<|im_end|>b', '  the\n\n sea!', '']
TEMPLATE = ("{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
            "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
SPECIAL = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
MERGES = ('Ġ t,h e,Ġ a,i n,Ġt he,r e,o n,Ġ s,e r,Ġ w,n d,o u,Ġ c,i t,a t,e n,Ġ b,Ġ f,i s,Ġ o,e s,a n,Ġa nd,in g,o r,'
          'Ġ p,Ġ m,l l')
COMMON = dict(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
              max_position_embeddings=64, bos_token_id=1, eos_token_id=END, pad_token_id=None)
VARIANTS = {
    'tied': dict(num_key_value_heads=2, head_dim=8, rms_norm_eps=1e-5, tie_word_embeddings=True,
                 rope_parameters={'rope_type': 'default', 'rope_theta': 100000.0}),
    'untied': dict(num_key_value_heads=1, head_dim=16, rms_norm_eps=1e-6, tie_word_embeddings=False,
                   rope_parameters={'rope_type': 'default', 'rope_theta': 500000.0}),
}
WANTED = ['model.embed_tokens.weight', 'model.layers.0.self_attn.k_proj.weight', 'model.layers.1.mlp.down_proj.weight']
# What the other families add, on a smaller shape. The wavelengths of llama3 are 6, 20, 63 and 199 positions: the first
# is kept, the second between, and the others are divided.
SMALLER = {**COMMON, 'hidden_size': 16, 'intermediate_size': 24, 'num_key_value_heads': 2, 'rms_norm_eps': 1e-5}
LLAMA3 = {'rope_type': 'llama3', 'rope_theta': 100.0, 'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0,
          'original_max_position_embeddings': 32}
FAMILIES = {  # (the seed of the weights, the configuration's class, what it adds)
    'llama3': (42, LlamaConfig, dict(head_dim=8, tie_word_embeddings=True, rope_parameters=LLAMA3)),
    'biased': (43, LlamaConfig, dict(head_dim=4, tie_word_embeddings=False, attention_bias=True,
                                     rope_parameters={'rope_type': 'linear', 'rope_theta': 10000.0, 'factor': 2.5})),
    'qwen2': (40, Qwen2Config, dict(head_dim=4, tie_word_embeddings=False, sliding_window=8, use_sliding_window=False,
                                    rope_parameters={'rope_type': 'default', 'rope_theta': 1000000.0})),
    'qwen3': (43, Qwen3Config, dict(head_dim=8, tie_word_embeddings=True,
                                    rope_parameters={'rope_type': 'default', 'rope_theta': 1000000.0})),
}
AT = 'model.layers.0.self_attn'
WANTED_OF = {
    'llama3': [f'{AT}.k_proj.weight'],
    'biased': [f'{AT}.q_proj.bias', f'{AT}.k_proj.weight', f'{AT}.o_proj.bias'],
    'qwen2': [f'{AT}.q_proj.bias', f'{AT}.k_proj.bias', f'{AT}.v_proj.bias'],
    'qwen3': [f'{AT}.q_norm.weight', f'{AT}.k_norm.weight', f'{AT}.k_proj.weight'],
    'gemma': [f'{AT}.q_proj.weight', 'model.layers.1.mlp.gate_proj.weight', 'model.norm.weight'],
    'gemma3': [f'{AT}.q_norm.weight', f'{AT}.k_proj.weight', 'model.layers.1.post_attention_layernorm.weight',
               'model.layers.2.pre_feedforward_layernorm.weight', 'model.layers.1.post_feedforward_layernorm.weight'],
    'gpt2': ['transformer.wpe.weight', 'transformer.h.0.attn.c_attn.weight', 'transformer.h.1.ln_2.bias'],
}
ADAPTED = ['model.layers.0.self_attn.q_proj.lora_A', 'model.layers.1.self_attn.v_proj.lora_B',
           'model.layers.0.mlp.down_proj.lora_B']
ADAPTED_OF = {'gpt2': ['transformer.h.0.attn.c_attn.lora_A', 'transformer.h.1.attn.c_proj.lora_B',
                       'transformer.h.0.mlp.c_proj.lora_A']}
REWARDED = {'tied': ['model.layers.0.self_attn.k_proj.lora_B', 'model.layers.1.mlp.up_proj.lora_A'],
            'gemma3': ['model.layers.0.self_attn.k_proj.lora_B', 'model.layers.2.mlp.up_proj.lora_A'],
            'gpt2': ['transformer.h.0.attn.c_attn.lora_B', 'transformer.h.1.mlp.c_fc.lora_A']}
OLDER = ('tied', 'llama3')  # saved with the config keys of Transformers 4
# Where the tokenizers of the families cut before merging, as their tokenizer.json files say it.
WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def main():
    versions = begin()
    golden = {'versions': versions, 'script': 'make_llama.py', 'models': {}}
    for seed, (name, shape) in enumerate(VARIANTS.items()):
        golden['models'][name] = model(name, LlamaConfig(**COMMON, **shape), seed, WANTED)
    golden['models']['tied']['reward'] = reward(HERE / 'tied', seed=31)
    write(HERE / 'llama.json', golden)
    golden = {'versions': versions, 'script': 'make_llama.py', 'models': {}}
    for name, (seed, kind, shape) in FAMILIES.items():
        golden['models'][name] = model(name, kind(**SMALLER, **shape), seed, WANTED_OF[name])
    write(HERE / 'families.json', golden)
    size = sum(f.stat().st_size for f in HERE.rglob('*') if f.is_file() and '__pycache__' not in f.parts)
    print(f'{size / 1024:.0f} KiB in all')


def begin():
    torch.set_num_threads(1)
    return {'torch': torch.__version__, 'transformers': transformers.__version__, 'peft': peft.__version__,
            'tokenizers': tokenizers.__version__, 'numpy': numpy.__version__}


def model(name, config, seed, wanted):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    save_tokenizer(folder, name)
    save_base(folder, config, seed, name)
    return measure(folder, name, seed, wanted)


# --- the folders ------------------------------------------------------------------------------------------------------
def save_tokenizer(folder, name):
    """A byte-level BPE of 64 entries that cuts as the family does; some put <|endoftext|> before every text."""
    begins = name in ('untied', 'llama3')
    merges = [tuple(m.split(' ')) for m in MERGES.split(',')]
    entries = SPECIAL + list("ĠĊabcdefghijklmnopqrstuvwxyz.,?!'") + [a + b for a, b in merges]
    vocab = {t: i for i, t in enumerate(entries)}
    tok = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=name == 'llama3'))
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if name in ('llama3', 'qwen2', 'qwen3'):
        cut = pre_tokenizers.Split(Regex(WORDS % (r'\p{N}{1,3}' if name == 'llama3' else r'\p{N}')), 'isolated')
        spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tok.pre_tokenizer = pre_tokenizers.Sequence([cut, spell])
    if name in ('qwen2', 'qwen3'):
        tok.normalizer = normalizers.NFC()
    tok.decoder = decoders.ByteLevel()
    tok.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    if begins:
        tok.post_processor = processors.TemplateProcessing(single='<|endoftext|> $A', special_tokens=[(SPECIAL[0], 0)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token=SPECIAL[0 if begins else 1], eos_token=SPECIAL[END],
                                   pad_token=SPECIAL[END], chat_template=TEMPLATE, clean_up_tokenization_spaces=False)
    fast.save_pretrained(folder, save_jinja_files=not begins)  # chat_template.jinja, or the older key in the config
    path = folder / 'tokenizer.json'
    path.write_text(json.dumps(json.loads(path.read_text()), ensure_ascii=False))  # on one line, for size


def save_base(folder, config, seed, name):
    """tied: float32 in one file and the config keys of Transformers 4; untied: bfloat16 in shards and those of 5."""
    model = AutoModelForCausalLM.from_config(config)
    rng = numpy.random.default_rng(seed)
    for key, p in sorted(model.named_parameters()):
        value = rng.standard_normal(p.shape)
        if key.endswith('.bias'):
            value = 0.5 * value
        else:
            around = 0 if name.startswith('gemma') else 1  # Gemma adds the 1 itself
            value = around + 0.2 * value if p.ndim == 1 else value * (0.4 if 'embed' in key else 1.3 / math.sqrt(p.shape[1]))
        p.data = torch.tensor(value, dtype=torch.float32)
    if name == 'untied':
        model.to(torch.bfloat16).save_pretrained(folder, max_shard_size='30KB')
    else:
        model.save_pretrained(folder)
    if name in OLDER:
        path = folder / 'config.json'
        older = json.loads(path.read_text())
        rope = older.pop('rope_parameters')
        older['rope_theta'] = rope.pop('rope_theta')
        if rope['rope_type'] != 'default':
            older['rope_scaling'] = rope
        older['torch_dtype'] = older.pop('dtype')
        del older['transformers_version']
        if name == 'tied':
            del older['head_dim']
        path.write_text(json.dumps(older, indent=2) + '\n')


def load(folder, kind=AutoModelForCausalLM, **options):
    model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation='eager', **options).eval()
    if folder.name == 'gpt2':
        assert model.config.activation_function == 'gelu_new'
        return model
    if folder.name.startswith('gemma'):
        return model
    want = VARIANTS.get(folder.name) or FAMILIES[folder.name][2]
    found = model.config.rope_parameters
    assert all(found[key] == value for key, value in want['rope_parameters'].items()), found
    attention = model.model.layers[0].self_attn
    assert attention.head_dim == want['head_dim']
    assert attention.q_proj.bias is None or attention.q_proj.bias.abs().min() > 0
    if folder.name == 'llama3':
        kept = model.model.rotary_emb.inv_freq * 100 ** (torch.arange(4) / 4)
        assert kept[0] == 1 and 1 / 8 < kept[1] < 0.9 and torch.allclose(kept[2:], torch.tensor(1 / 8)), kept
    return model


def lora(model, task, seed, **options):
    modules = MODULES_OF.get(model.config.model_type, MODULES)
    config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=modules, task_type=task, **options)
    model = get_peft_model(model, config)
    rng = numpy.random.default_rng(seed)
    for _, p in sorted((n, p) for n, p in model.named_parameters() if p.requires_grad):
        p.data = torch.tensor(rng.standard_normal(p.shape) * 0.25, dtype=torch.float32)
    return model


def save_adapter(model, folder, base):
    """PEFT's own save; then only the module names are sorted, the card removed, and the base's path made relative."""
    model.save_pretrained(folder)
    (folder / 'README.md').unlink(missing_ok=True)
    path = folder / 'adapter_config.json'
    config = json.loads(path.read_text())
    config['target_modules'] = sorted(config['target_modules'])
    config['base_model_name_or_path'] = base
    path.write_text(json.dumps(config, indent=2, sort_keys=True))
    return folder.relative_to(HERE).as_posix()


# --- the values -------------------------------------------------------------------------------------------------------
def encode(tok, rows):
    """Rows (prompt, completion) → padded ids [B, T], mask, lengths, prompt lengths; each completion ends with END."""
    prompts = [tok(p).input_ids for p, _ in rows]
    full = [p + tok(c, add_special_tokens=False).input_ids + [END] for p, (_, c) in zip(prompts, rows)]
    lengths = [len(r) for r in full]
    width = max(lengths)
    ids = torch.tensor([r + [END] * (width - len(r)) for r in full])
    mask = (torch.arange(width)[None] < torch.tensor(lengths)[:, None]).long()
    return ids, mask, lengths, [len(p) for p in prompts]


def completion_loss(model, batch):
    """Transformers' own loss: mean over the completion tokens of all rows, end tokens included."""
    ids, mask, lengths, prompts = batch
    labels = ids.clone()
    for row, (start, end) in enumerate(zip(prompts, lengths)):
        labels[row, :start] = -100
        labels[row, end:] = -100
    out = model(input_ids=ids, attention_mask=mask, labels=labels)
    logps = [torch.log_softmax(out.logits[r, :n - 1], -1).gather(1, ids[r, 1:n, None])[:, 0]
             for r, n in enumerate(lengths)]
    mine = -torch.cat([l[p - 1:] for l, p in zip(logps, prompts)]).mean()
    assert abs(mine.item() - out.loss.item()) < 1e-5
    return out.loss, out.logits, logps


def short(name):
    """The parameter's name as it stands in the saved file."""
    return name.replace('.default', '').replace('modules_to_save.', '')


def gradients(model, loss, wanted):
    model.zero_grad()
    loss.backward()
    found = {short(n): p.grad for n, p in model.named_parameters() if p.requires_grad}
    missing = [w for w in wanted if w not in found]
    assert not missing, (missing, list(found))
    return {'loss': number(loss.item()),
            'gradientNorm': number(math.sqrt(sum(float((g.double() ** 2).sum()) for g in found.values()))),
            'norms': {n: number(g.double().norm()) for n, g in found.items()},
            'gradients': {n: {'shape': list(found[n].shape), 'values': numbers(found[n].flatten())} for n in wanted}}


def greedy(model, batch):
    answers = []
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    for row, start in enumerate(batch[3]):
        prompt = batch[0][row:row + 1, :start]
        with torch.no_grad():
            new = model.generate(input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=10,
                                 do_sample=False)[0, start:].tolist()
            logits = model(input_ids=torch.cat([prompt, torch.tensor([new])], 1)).logits[0, start - 1:-1]
        best = logits.topk(2).values
        margin = (best[:, 0] - best[:, 1]).min().item()
        assert margin > 1e-2, f'greedy answer is nearly a tie ({margin})'
        logps = torch.log_softmax(logits, -1)[range(len(new)), new]
        answers.append({'ids': new, 'logps': numbers(logps), 'finished': new[-1] in ends, 'margin': number(margin)})
    return answers


def measure(folder, name, seed, wanted):
    tok = AutoTokenizer.from_pretrained(folder)
    batch = encode(tok, ROWS)
    ids, mask, lengths, prompts = batch
    chat = [{'role': 'user', 'content': 'where is it?'}, {'role': 'assistant', 'content': 'here.'}]
    golden = {'folder': name, 'tokenizer': {
        'texts': [{'text': t, 'ids': i, 'decoded': tok.decode(i, skip_special_tokens=True)}
                  for t, i in zip(TEXTS, tok(TEXTS).input_ids)],
        'chat': {'messages': chat, 'text': tok.apply_chat_template(chat, tokenize=False),
                 'ids': tok.apply_chat_template(chat, return_dict=False),
                 'generationIds': tok.apply_chat_template(chat[:1], add_generation_prompt=True, return_dict=False)}},
        'rows': {'prompts': [p for p, _ in ROWS], 'completions': [c for _, c in ROWS], 'ids': ids.tolist(),
                 'mask': mask.tolist(), 'lengths': lengths, 'promptLengths': prompts}}

    model = load(folder)
    model.requires_grad_(True)
    loss, logits, logps = completion_loss(model, batch)
    for row, n in enumerate(lengths):  # padding on the right changes nothing
        alone = model(input_ids=ids[row:row + 1, :n]).logits[0]
        assert torch.allclose(alone, logits[row, :n], atol=2e-5), (alone - logits[row, :n]).abs().max()
    golden['base'] = {'logits': [numbers(logits[r, :n]) for r, n in enumerate(lengths)],
                      'logps': [numbers(l) for l in logps], 'greedy': greedy(model, batch),
                      **at_temperature(logits, batch)}
    golden['fullParameter'] = gradients(model, loss, wanted)

    tuned = lora(load(folder), 'CAUSAL_LM', seed + 20)
    at = save_adapter(tuned, folder / 'adapter', name)
    loss, logits, logps = completion_loss(tuned, batch)
    again = PeftModel.from_pretrained(load(folder), folder / 'adapter').eval()
    assert torch.equal(again(input_ids=ids, attention_mask=mask).logits, logits)
    merged = again.merge_and_unload()(input_ids=ids, attention_mask=mask).logits
    golden['adapter'] = {'folder': at, 'rank': 4, 'alpha': 8,
                         'lastLogits': [numbers(logits[r, n - 1]) for r, n in enumerate(lengths)],
                         'logps': [numbers(l) for l in logps], 'greedy': greedy(tuned, batch),
                         'mergedDifference': number((merged - logits)[mask.bool()].abs().max()),
                         **gradients(tuned, loss, [f'base_model.model.{adapted}.weight'
                                                   for adapted in ADAPTED_OF.get(name, ADAPTED)])}
    return golden


def at_temperature(logits, batch, temperature=0.7):
    """log p and entropy of the next-token distribution at another temperature, for every token but the first."""
    scaled = [torch.log_softmax(logits[r, :n - 1].double() / temperature, -1) for r, n in enumerate(batch[2])]
    targets = [batch[0][r, 1:n, None] for r, n in enumerate(batch[2])]
    return {'temperature': temperature,
            'logpsAtTemperature': [numbers(s.gather(1, t)[:, 0]) for s, t in zip(scaled, targets)],
            'entropyAtTemperature': [numbers(-(s.exp() * s).sum(-1)) for s in scaled]}


def reward(folder, seed):
    """A reward model as PEFT saves one: SEQ_CLS, one label, `score` in modules_to_save; and its Bradley-Terry loss."""
    tok = AutoTokenizer.from_pretrained(folder)
    batch = encode(tok, [(p, c) for p, chosen, rejected in PAIRS for c in (chosen, rejected)])
    ids, mask, lengths, prompts = batch
    options = dict(kind=AutoModelForSequenceClassification, num_labels=1)
    model = lora(load(folder, **options), 'SEQ_CLS', seed, modules_to_save=['score'])
    at = save_adapter(model, folder / 'reward', folder.name)

    # every position has a score; a row's is that of its last real token, whatever the padding is
    network = model.base_model.model
    network = network.transformer if folder.name == 'gpt2' else network.model
    hidden = network(input_ids=ids, attention_mask=mask).last_hidden_state
    scores = model.base_model.model.score(hidden)[torch.arange(len(lengths)), torch.tensor(lengths) - 1, 0]
    again = PeftModel.from_pretrained(load(folder, **options), folder / 'reward').eval()
    alone = torch.cat([again(input_ids=ids[r:r + 1, :n]).logits[0] for r, n in enumerate(lengths)])
    assert torch.allclose(alone, scores, atol=2e-5), (alone, scores)
    loss = -torch.nn.functional.logsigmoid(scores[0::2] - scores[1::2]).mean()
    names = sorted(safetensors.torch.load_file(folder / 'reward' / 'adapter_model.safetensors'))
    return {'folder': at, 'tensorNames': names,
            'rows': {'prompts': [p for p, _, _ in PAIRS for _ in range(2)],
                     'completions': [c for _, chosen, rejected in PAIRS for c in (chosen, rejected)],
                     'ids': ids.tolist(), 'mask': mask.tolist(), 'lengths': lengths, 'promptLengths': prompts},
            'scores': numbers(scores),
            'bradleyTerry': gradients(model, loss, ['base_model.model.score.weight', *[
                f'base_model.model.{adapted}.weight' for adapted in REWARDED[folder.name]]])}


if __name__ == '__main__':
    main()
