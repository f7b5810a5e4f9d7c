"""quants.json: random blocks of each quantised GGUF format, and what the package gguf (llama.cpp's own) makes of them.

pip install gguf numpy; python make_quants.py
"""

import base64
import json
import os

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

HERE = os.path.dirname(os.path.abspath(__file__))
BLOCKS = 3
# Bytes of a block, and where its half-precision scales stand: random bits there could be NaN or huge.
FORMATS = {
    "Q4_0": (18, [0]),
    "Q4_1": (20, [0, 2]),
    "Q5_0": (22, [0]),
    "Q5_1": (24, [0, 2]),
    "Q8_0": (34, [0]),
    "IQ4_NL": (18, [0]),
    "Q2_K": (84, [80, 82]),
    "Q3_K": (110, [108]),
    "Q4_K": (144, [0, 2]),
    "Q5_K": (176, [0, 2]),
    "Q6_K": (210, [208]),
}

random = np.random.default_rng(7)
golden = {}
for name, (size, scales) in FORMATS.items():
    blocks = random.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for at in scales:
        values = random.normal(size=BLOCKS).astype(np.float16)
        blocks[:, at : at + 2] = values.view(np.uint8).reshape(BLOCKS, 2)
    numbers = quants.dequantize(blocks, Type[name]).astype("<f4").reshape(-1)
    encoded = [base64.b64encode(part.tobytes()).decode() for part in (blocks, numbers)]
    golden[name] = {"blocks": encoded[0], "numbers": encoded[1]}

with open(os.path.join(HERE, "quants.json"), "w") as file:
    json.dump(golden, file, indent=1)
    file.write("\n")
