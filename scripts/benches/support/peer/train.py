"""The work of Palate's benches in torch, transformers and peft, on the CPU.

Reads one request a line from stdin, {"what": "sft" | "ppo", "precision": "float32" | "bfloat16", …sizes}, does that work
once, and answers {"seconds": …}. Weights are random ones of SmolLM2-135M's shape; the time does not depend on them.
precision bfloat16: autocast. Losses read response tokens only, as ours do.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ADAPTERS = ["policy", "reference", "critic", "reward"]


def open_model():
    config = LlamaConfig(
        num_hidden_layers=30,
        hidden_size=576,
        num_attention_heads=9,
        num_key_value_heads=3,
        intermediate_size=1536,
        vocab_size=49152,
        rope_theta=1e5,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        max_position_embeddings=8192,
    )
    lora = LoraConfig(r=16, lora_alpha=32, target_modules=MODULES, task_type="CAUSAL_LM")
    model = get_peft_model(LlamaForCausalLM(config), lora, adapter_name=ADAPTERS[0])
    for name in ADAPTERS[1:]:
        model.add_adapter(name, lora)
    return model


model = open_model()
heads = {name: torch.nn.Linear(576, 1, bias=False) for name in ("critic", "reward")}
optimisers = {}


def optimiser(name):
    """AdamW over one adapter, with its head where it has one."""
    model.set_adapter(name)
    if name not in optimisers:
        parameters = [p for p in model.parameters() if p.requires_grad]
        parameters += heads[name].parameters() if name in heads else []
        optimisers[name] = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.0)
    return optimisers[name]


def hidden_states(ids):
    """[B, T] -> [B, T, D] after the last norm."""
    return model.base_model.model.model(input_ids=ids, use_cache=False).last_hidden_state


def response_logps(ids, prompt):
    """log pi of the tokens after the prompt, [B, T - prompt]."""
    hidden = hidden_states(ids)[:, prompt - 1 : -1]
    logits = model.base_model.model.lm_head(hidden).float()
    return -F.cross_entropy(logits.flatten(0, 1), ids[:, prompt:].flatten(), reduction="none").view(ids.shape[0], -1)


def values(ids, prompt, name):
    """The head's output before each response token, [B, T - prompt]."""
    return heads[name](hidden_states(ids)[:, prompt - 1 : -1].float()).squeeze(-1)


def step(name, loss):
    loss.backward()
    used = optimisers[name]
    torch.nn.utils.clip_grad_norm_([p for group in used.param_groups for p in group["params"]], 1.0)
    used.step()
    used.zero_grad()


def sft(batch, time):
    optimiser("policy")
    ids = torch.randint(0, 49152, (batch, time + 1))
    step("policy", -response_logps(ids, 2).mean())


def ppo(rows, prompt, new_tokens, batch):
    model.set_adapter("policy")
    prompts = torch.randint(0, 49152, (rows, prompt))
    with torch.no_grad():
        ids = model.generate(
            input_ids=prompts,
            attention_mask=torch.ones_like(prompts),
            do_sample=True,
            top_k=0,
            max_new_tokens=new_tokens,
            min_new_tokens=new_tokens,
            pad_token_id=0,
            eos_token_id=None,
        )
        parts = ids.split(batch)
        old = torch.cat([response_logps(part, prompt) for part in parts])
        model.set_adapter("reference")
        reference = torch.cat([response_logps(part, prompt) for part in parts])
        model.set_adapter("reward")
        scores = torch.cat([heads["reward"](hidden_states(part)[:, -1].float()) for part in parts]).squeeze(-1)
        model.set_adapter("critic")
        before = torch.cat([values(part, prompt, "critic") for part in parts])
    rewards = -0.1 * (old - reference)
    rewards[:, -1] += scores
    advantages = rewards.flip(1).cumsum(1).flip(1) - before
    returns = advantages + before
    optimiser("policy")
    for k in range(0, rows, batch):
        part = slice(k, k + batch)
        ratio = (response_logps(ids[part], prompt) - old[part]).exp()
        clipped = ratio.clamp(0.8, 1.2)
        step("policy", -torch.minimum(ratio * advantages[part], clipped * advantages[part]).mean())
    optimiser("critic")
    for k in range(0, rows, batch):
        part = slice(k, k + batch)
        step("critic", 0.5 * (values(ids[part], prompt, "critic") - returns[part]).square().mean())


WORK = {"sft": sft, "ppo": ppo}

for line in sys.stdin:
    request = json.loads(line)
    work, precision = WORK[request.pop("what")], request.pop("precision")
    torch.set_num_threads(request.pop("threads"))
    start = time.perf_counter()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        work(**request)
    print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
