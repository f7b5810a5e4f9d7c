"""How the golden files are written: seven significant digits, one line for every list of numbers."""
import json
from pathlib import Path


def numbers(tensor):
    """A tensor as nested lists of Python floats with seven significant digits."""
    def rounded(value):
        return [rounded(v) for v in value] if isinstance(value, list) else number(value)
    return rounded(tensor.detach().cpu().double().tolist())


def number(value):
    short = float(f'{float(value):.7g}')
    return int(short) if short == int(short) else short


def write(path, tree):
    Path(path).write_text(render(tree, 0) + '\n', encoding='utf-8')


def render(tree, depth):
    pad, end = ' ' * (depth + 1), ' ' * depth
    if isinstance(tree, dict) and tree:
        parts = [f'{pad}{json.dumps(k)}: {render(v, depth + 1)}' for k, v in tree.items()]
        return '{\n' + ',\n'.join(parts) + f'\n{end}}}'
    if isinstance(tree, list) and any(isinstance(v, (list, dict)) for v in tree):
        return '[\n' + ',\n'.join(pad + render(v, depth + 1) for v in tree) + f'\n{end}]'
    return json.dumps(tree, ensure_ascii=False, separators=(',', ':') if isinstance(tree, list) else None)
