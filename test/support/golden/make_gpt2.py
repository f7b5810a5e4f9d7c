"""Golden values of a tiny GPT-2, from Transformers and PEFT: what make_llama.py makes of the Llama family.

    pip install torch transformers peft tokenizers safetensors numpy
    python make_gpt2.py         rewrites gpt2.json and gpt2/ beside this
"""
from transformers import GPT2Config

from golden_json import write
from make_llama import END, HERE, WANTED_OF, begin, model, reward

SHAPE = dict(vocab_size=64, n_embd=16, n_layer=2, n_head=4, n_inner=24, n_positions=64, layer_norm_epsilon=1e-5,
             bos_token_id=1, eos_token_id=END, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)


def main():
    golden = {'versions': begin(), 'script': 'make_gpt2.py', 'models': {}}
    golden['models']['gpt2'] = model('gpt2', GPT2Config(**SHAPE), 44, WANTED_OF['gpt2'])
    golden['models']['gpt2']['reward'] = reward(HERE / 'gpt2', seed=32)
    write(HERE / 'gpt2.json', golden)


if __name__ == '__main__':
    main()
