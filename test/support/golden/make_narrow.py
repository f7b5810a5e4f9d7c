"""narrow.json: float32 numbers, and what numpy and the package gguf (llama.cpp's own) make of them in F16 and Q8_0.

pip install gguf numpy; python make_narrow.py
"""

import base64
import json
import os

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    rng = np.random.default_rng(7)
    spread = rng.standard_normal(192) * 10.0 ** rng.integers(-9, 5, 192)
    # Half a step beyond a half-precision number: ties go to the even neighbour. The last is the largest that is finite.
    ties = np.array([1 + 2**-11, 1 + 3 * 2**-11, 2**-25, 3 * 2**-25, 2**-14 - 2**-25, 2**-26, 65519.0, 65504.0])
    steps = np.arange(-16, 16) / 2.0  # the scale of a block that ends at 127 / 2: every second one is a tie
    steps[-1] = 63.5
    zeros = np.array([0.0, -0.0] * 16)
    numbers = np.concatenate([spread, np.tile(ties, 4), steps, zeros]).astype(np.float32)
    numbers = np.clip(numbers, -65000, 65519).astype(np.float32)
    encoded = {
        "numbers": numbers,
        "F16": numbers.astype(np.float16),
        "Q8_0": quants.quantize(numbers, Type.Q8_0),
    }
    with open(os.path.join(HERE, "narrow.json"), "w") as file:
        json.dump({key: base64.b64encode(value.tobytes()).decode() for key, value in encoded.items()}, file, indent=1)
        file.write("\n")


main()
