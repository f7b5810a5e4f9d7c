"""Golden values of a tiny Gemma and a tiny Gemma 3, from Transformers and PEFT: what make_llama.py makes of Llama.

    pip install torch transformers peft tokenizers safetensors numpy
    python make_gemma.py        rewrites gemma.json, gemma/ and gemma3/ beside this
"""
import json

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import Gemma3TextConfig, GemmaConfig, PreTrainedTokenizerFast

import make_llama
from golden_json import write
from make_llama import END, HERE, WANTED_OF, begin, model, reward

BOS, EOS = 1, 3
SPECIAL = ['<pad>', '<bos>', '<end_of_turn>', '<eos>', '<start_of_turn>', '<unk>']
BYTES = ['<0xC3>', '<0xA9>', '<0xE4>', '<0xB8>', '<0xAD>']  # é and 中; other characters are unknown
MERGES = '▁ t,h e,▁ a,i n,▁t he,r e,o n,▁ s,▁ w,n d,o u,a t,▁ m,i s,▁ o,a n,▁ b,▁ ▁'
# The form of Gemma's own: a system message goes before the first question, and the assistant is called "model".
TEMPLATE = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- set first = messages[0]['content'] + '\\n\\n' -%}
    {%- set turns = messages[1:] -%}
{%- else -%}
    {%- set first = '' -%}
    {%- set turns = messages -%}
{%- endif -%}
{%- for message in turns -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception('user and assistant take turns') }}
    {%- endif -%}
    {{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\\n' }}
    {{- (first if loop.first else '') + message['content'] | trim }}
    {{- '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<start_of_turn>model\\n' }}
{%- endif -%}"""
COMMON = dict(vocab_size=64, hidden_size=16, num_attention_heads=4, intermediate_size=24, head_dim=8, rms_norm_eps=1e-5,
              max_position_embeddings=64, bos_token_id=BOS, eos_token_id=[EOS, END], pad_token_id=None)
GEMMA = dict(num_hidden_layers=2, num_key_value_heads=1)
# Rows are longer than the window; positions are scaled where attention does not slide; scores by another width.
GEMMA3 = dict(num_hidden_layers=3, num_key_value_heads=2, query_pre_attn_scalar=12, sliding_window=4,
              layer_types=['sliding_attention', 'full_attention', 'sliding_attention'],
              rope_parameters={'full_attention': {'rope_type': 'linear', 'factor': 2.0, 'rope_theta': 1000.0},
                               'sliding_attention': {'rope_type': 'default', 'rope_theta': 100.0}})
SEEDS = {'gemma': 44, 'gemma3': 41}


def main():
    make_llama.save_tokenizer = save_tokenizer
    make_llama.ROWS = [(prompt.replace('<|im_end|>', SPECIAL[END]), answer) for prompt, answer in make_llama.ROWS]
    make_llama.TEXTS = [text.replace('<|im_end|>', SPECIAL[END]) for text in make_llama.TEXTS] + ['caf\u00e9 \u4e2d  \u20ac ', '\u4e2d']
    golden = {'versions': begin(), 'script': 'make_gemma.py', 'models': {}}
    for name, config in (('gemma', GemmaConfig(**COMMON, **GEMMA)), ('gemma3', Gemma3TextConfig(**COMMON, **GEMMA3))):
        golden['models'][name] = model(name, config, SEEDS[name], WANTED_OF[name])
    golden['models']['gemma3']['reward'] = reward(HERE / 'gemma3', seed=33)
    write(HERE / 'gemma.json', golden)


def save_tokenizer(folder, name):
    """BPE over characters with bytes for the others, as Gemma's: spaces are ▁, and no word is cut off before merging."""
    merges = [tuple(m.split(' ')) for m in MERGES.split(',')]
    entries = SPECIAL + BYTES + list("▁\nabcdefghijklmnopqrstuvwxyz.,?!'") + [a + b for a, b in merges]
    vocab = {t: i for i, t in enumerate(entries)}
    tok = Tokenizer(models.BPE(vocab=vocab, merges=merges, fuse_unk=True, unk_token='<unk>', byte_fallback=True))
    tok.normalizer = normalizers.Replace(' ', '▁')
    tok.pre_tokenizer = pre_tokenizers.Split(' ', 'merged_with_previous')
    tok.decoder = decoders.Sequence([decoders.Replace('▁', ' '), decoders.ByteFallback(), decoders.Fuse()])
    tok.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    tok.post_processor = processors.TemplateProcessing(single='<bos> $A', special_tokens=[('<bos>', BOS)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token='<bos>', eos_token='<eos>', unk_token='<unk>',
                                   pad_token='<pad>', add_bos_token=True, chat_template=TEMPLATE,
                                   clean_up_tokenization_spaces=False)
    fast.save_pretrained(folder)
    path = folder / 'tokenizer.json'
    tree = json.loads(path.read_text())
    if name == 'gemma3':  # Gemma 3's text models have a token for pictures, and no row for it
        tree['added_tokens'].append({**tree['added_tokens'][0], 'id': 64, 'content': '<image_soft_token>'})
    path.write_text(json.dumps(tree, ensure_ascii=False))


if __name__ == '__main__':
    main()
