"""What PEFT computes with adapters that Palate trained: the other way round than make_llama.py.

    pip install torch transformers peft
    python make_trained.py      trains with `npm run palate -- train`, rewrites trained/ beside this

trained/sft and trained/reward are the adapters as the command line wrote them, trained.json has PEFT's logits of every
token of each row, and the reward model's scores, float32 on the CPU.
"""
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'peer'))
from golden_json import number, write  # noqa: E402
from read_adapter import read  # noqa: E402

BASE = 'tied'
PAIRS = [('the cat sat on a', ' warm mat.', ' bus, i am told, and left.'), ('where is it?', ' on the mat.', ' no!'),
         ('who told the others', ' in the end?', '...'), ('a cat and', ' a mat.', ' so on and on and on.')]
SHARED = {'batchSize': 4, 'epochs': 8, 'learningRate': 0.01, 'microBatchTokens': 128}
CONFIG = {'sft': {**SHARED, 'rank': 4, 'alpha': 8}, 'reward': {**SHARED, 'heldOut': 0}}


def main():
    target = HERE / 'trained'
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        rows = [dict(zip(('prompt', 'chosen', 'rejected'), pair)) for pair in PAIRS]
        (work / 'rows.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
        (work / 'config.json').write_text(json.dumps(CONFIG))
        for stage in CONFIG:
            command = ['npm', 'run', 'palate', '--', 'train', '--stage', stage, '--model', str(HERE / BASE), '--data',
                       str(work / 'rows.jsonl'), '--config', str(work / 'config.json'), '--out', str(work / 'run')]
            subprocess.run(command, cwd=HERE.parents[2], check=True)
        shutil.rmtree(target, ignore_errors=True)
        for stage in CONFIG:
            (target / stage).mkdir(parents=True)
            for name in ('adapter_config.json', 'adapter_model.safetensors'):
                shutil.copy(work / 'run' / stage / name, target / stage / name)
            path = target / stage / 'adapter_config.json'
            config = {**json.loads(path.read_text()), 'base_model_name_or_path': BASE}
            path.write_text(json.dumps(config, indent=2) + '\n')
    rows = json.loads((HERE / 'llama.json').read_text())['models'][BASE]['rows']
    ids = [row[:length] for row, length in zip(rows['ids'], rows['lengths'])]
    logits = read(str(HERE / BASE), str(target / 'sft'), 'CAUSAL_LM', ids)
    scores = read(str(HERE / BASE), str(target / 'reward'), 'SEQ_CLS', ids)
    write(target / 'trained.json', {'script': 'make_trained.py', 'base': BASE, 'ids': ids,
                                    'logits': [[number(value) for value in row] for row in logits],
                                    'scores': [number(score) for row in scores for score in row]})


if __name__ == '__main__':
    main()
