"""Golden values of losses, advantages and optimisers, written from the papers in torch, in float64.

    pip install torch numpy
    python make_losses.py       rewrites losses.json beside this file

Inputs are rounded to seven digits before they are used. What each field holds is in README.md.
"""
import math
from pathlib import Path

import numpy
import torch

from golden_json import number, numbers, write

torch.set_default_dtype(torch.float64)
LENGTHS = [7, 4, 1, 6]  # response tokens of each row, of T = 7


def main():
    rng = numpy.random.default_rng(2024)
    write(Path(__file__).resolve().parent / 'losses.json', {
        'versions': {'torch': torch.__version__, 'numpy': numpy.__version__}, 'script': 'make_losses.py',
        'bradleyTerry': bradley_terry(rng), 'kl': kl_estimators(rng), 'rewards': kl_rewards(rng),
        'advantages': advantages(rng), 'policy': policy(rng), 'value': value(rng),
        'adaptiveKl': adaptive_kl(rng), 'adamw': adamw(rng)})


def draw(rng, shape, deviation=1.0, mean=0.0):
    values = mean + deviation * rng.standard_normal(shape)
    return torch.tensor([number(v) for v in values.ravel()]).reshape(shape)


def mask_of(lengths=LENGTHS):
    return (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).double()


def masked_mean(x, mask):
    return (x * mask).sum() / mask.sum()


def with_gradient(x):
    return x.clone().requires_grad_(True)


# --- preferences ------------------------------------------------------------------------------------------------------
def bradley_terry(rng):
    """Mean of −log σ(chosen − rejected − margin) + centring · (chosen + rejected)² (Eisenstein et al. 2023)."""
    chosen, rejected = draw(rng, (6,), 2.0), draw(rng, (6,), 2.0)
    margin, none = draw(rng, (6,), 0.3, 0.6).abs(), torch.zeros(6)
    far = torch.tensor([60.0, -60.0, 110.0, -110.0, 0.0, 0.0])  # float32's exp overflows at 89
    cases = []
    for name, won, lost, used, centring in [
            ('plain', chosen, rejected, none, 0.0), ('margin', chosen, rejected, margin, 0.0),
            ('centred', chosen, rejected, none, 0.01), ('far', far, none, none, 0.0)]:
        c, r = with_gradient(won), with_gradient(lost)
        loss = -torch.log(1 / (1 + torch.exp(-(c - r - used)))).mean() + centring * ((c + r) ** 2).mean()
        loss.backward()
        cases.append({'name': name, 'chosen': numbers(won), 'rejected': numbers(lost), 'margin': numbers(used),
                      'centring': centring, 'loss': number(loss.item()), 'chosenGradient': numbers(c.grad),
                      'rejectedGradient': numbers(r.grad), 'accuracy': number((won > lost).double().mean())})
    return cases


# --- PPO: what is computed before the update --------------------------------------------------------------------------
def kl_estimators(rng):
    """k1 = −log r, k2 = (log r)²/2, k3 = r − 1 − log r, r = p_ref/p (Schulman 2020): masked means, each row's sums."""
    mask, logps = mask_of(), draw(rng, (4, 7), 0.8, -2.0)
    ref = torch.tensor(numbers(logps + draw(rng, (4, 7), 0.3)))
    log_ratio = ref - logps
    out = {'logps': numbers(logps), 'refLogps': numbers(ref), 'mask': numbers(mask)}
    tokens = {'k1': -log_ratio, 'k2': log_ratio ** 2 / 2, 'k3': torch.exp(log_ratio) - 1 - log_ratio}
    for name, x in tokens.items():
        out[name] = {'mean': number(masked_mean(x, mask)), 'rows': numbers((x * mask).sum(1))}
    return out


def kl_rewards(rng):
    """−β (logps − refLogps) at every token, plus the row's score at its last (Ziegler et al. 2019). A row that did not
    finish has the penalty taken off its score first."""
    mask, logps = mask_of(), draw(rng, (4, 7), 0.8, -2.0)
    ref, scores = torch.tensor(numbers(logps + draw(rng, (4, 7), 0.3))), draw(rng, (4,))
    finished, cases = [True, False, True, False], []
    for beta, penalty in [(0.05, 0.0), (0.2, 1.0)]:
        out = torch.zeros(4, 7)
        for row, n in enumerate(LENGTHS):
            for t in range(n):
                out[row, t] = -beta * (logps[row, t] - ref[row, t])
            out[row, n - 1] += scores[row] - (0 if finished[row] else penalty)
        cases.append({'klCoefficient': beta, 'missingEndPenalty': penalty, 'rewards': numbers(out)})
    return {'lengths': LENGTHS, 'logps': numbers(logps), 'refLogps': numbers(ref), 'scores': numbers(scores),
            'finished': finished, 'mask': numbers(mask), 'cases': cases}


def advantages(rng):
    """GAE (Schulman et al. 2016, eq. 16) as the sum it is defined by: A_t = Σ_l (γλ)^l δ_{t+l}, the value after a row's
    last token being 0; returns = A + values, from the advantages before whitening."""
    mask = mask_of()
    rewards, values = draw(rng, (4, 7), 0.5) * mask, draw(rng, (4, 7), 0.7)  # values after the end are noise, not 0
    cases = []
    for gamma, lam in [(1.0, 0.95), (0.97, 0.8), (1.0, 1.0), (0.9, 0.0)]:
        raw = torch.zeros(4, 7)
        for row, n in enumerate(LENGTHS):
            after = torch.cat([values[row, 1:n], torch.zeros(1)])
            delta = rewards[row, :n] + gamma * after - values[row, :n]
            for t in range(n):
                raw[row, t] = sum((gamma * lam) ** l * delta[t + l] for l in range(n - t))
        returns = (raw + values) * mask
        mean = masked_mean(raw, mask)
        biased = masked_mean((raw - mean) ** 2, mask)
        unbiased = biased * mask.sum() / (mask.sum() - 1)
        cases.append({'gamma': gamma, 'lambda': lam, 'advantages': numbers(raw), 'returns': numbers(returns),
                      'mean': number(mean), 'variance': number(biased),
                      'whitened': numbers((raw - mean) / torch.sqrt(biased + 1e-8) * mask),
                      'whitenedUnbiased': numbers((raw - mean) / torch.sqrt(unbiased + 1e-8) * mask)})
    return {'lengths': LENGTHS, 'mask': numbers(mask), 'rewards': numbers(rewards), 'values': numbers(values),
            'epsilon': 1e-8, 'cases': cases}


def adaptive_kl(rng):
    """Ziegler et al. 2019, section 2.2: β ← β (1 + clip(KL / target − 1, ±0.2) · steps / horizon)."""
    beta, target, horizon, steps = 0.2, 6.0, 10000, 256
    observed, coefficients = numbers(torch.tensor([2.0, 5.9, 6.3, 14.0, 0.1, 7.0])), []
    for kl in observed:
        beta *= 1 + min(max(kl / target - 1, -0.2), 0.2) * steps / horizon
        coefficients.append(float(f'{beta:.10g}'))
    return {'initial': 0.2, 'target': target, 'horizon': horizon, 'steps': steps, 'kl': observed,
            'coefficients': coefficients}


# --- PPO: the two losses ----------------------------------------------------------------------------------------------
def policy(rng):
    """Masked mean of −min(r A, clip(r, 1 ± ε) A), r = exp(logps − oldLogps) (Schulman et al. 2017, eq. 7)."""
    mask, old, adv = mask_of(), draw(rng, (4, 7), 0.8, -2.0), draw(rng, (4, 7))
    new = torch.tensor(numbers(old + draw(rng, (4, 7), 0.25)))
    cases = []
    for clip in [0.2, 0.05]:
        logps = with_gradient(new)
        ratio = torch.exp(logps - old)
        objective = torch.minimum(ratio * adv, torch.clamp(ratio, 1 - clip, 1 + clip) * adv)
        loss = -masked_mean(objective, mask)
        loss.backward()
        clipped = (torch.clamp(ratio, 1 - clip, 1 + clip) * adv < ratio * adv).double()
        cases.append({'clip': clip, 'loss': number(loss.item()), 'gradient': numbers(logps.grad),
                      'clipFraction': number(masked_mean(clipped, mask)),
                      'approximateKl': number(masked_mean((new - old) ** 2, mask) / 2),
                      'meanRatio': number(masked_mean(ratio.detach(), mask))})
    return {'logps': numbers(new), 'oldLogps': numbers(old), 'advantages': numbers(adv), 'mask': numbers(mask),
            'cases': cases}


def value(rng):
    """Half the masked mean of max((v − R)², (clip(v, v_old ± ε) − R)²)."""
    mask, old, returns = mask_of(), draw(rng, (4, 7)), draw(rng, (4, 7))
    new = torch.tensor(numbers(old + draw(rng, (4, 7), 0.3)))
    cases = []
    for clip in [0.2, 0.05]:
        values = with_gradient(new)
        bounded = torch.minimum(torch.maximum(values, old - clip), old + clip)
        plain, cut = (values - returns) ** 2, (bounded - returns) ** 2
        loss = masked_mean(torch.maximum(plain, cut), mask) / 2
        loss.backward()
        cases.append({'clip': clip, 'loss': number(loss.item()), 'gradient': numbers(values.grad),
                      'clipFraction': number(masked_mean((cut > plain).double(), mask))})
    return {'values': numbers(new), 'oldValues': numbers(old), 'returns': numbers(returns), 'mask': numbers(mask),
            'cases': cases}


# --- AdamW ------------------------------------------------------------------------------------------------------------
def adamw(rng):
    """Five steps on two tensors, clipped by their global norm. PyTorch's form is torch.optim.AdamW itself; TensorFlow's
    (epsilon beside √v before the bias correction, Kingma & Ba 2015, the end of section 2) is written out."""
    shapes = {'a': (3, 4), 'b': (5,)}
    start = {k: draw(rng, s) for k, s in shapes.items()}
    steps = [{k: draw(rng, s, deviation) for k, s in shapes.items()} for deviation in [0.1, 2.0, 0.5, 0.05, 1e-4]]
    norms = [clip(step) for step in steps]
    cases = []
    for form, run in [('pytorch', torch_adamw), ('tensorflow', tensorflow_adamw)]:
        for epsilon in [1e-8, 1e-3]:
            cases.append({'form': form, 'epsilon': epsilon, 'learningRate': 0.01, 'weightDecay': 0.01, 'beta1': 0.9,
                          'beta2': 0.999, 'parameters': run(start, [clipped for _, clipped in norms], 0.01, epsilon)})
    return {'initial': {k: numbers(v) for k, v in start.items()},
            'gradients': [{k: numbers(v) for k, v in s.items()} for s in steps],
            'maxNorm': 1, 'norms': [number(n) for n, _ in norms],
            'clipped': [{k: numbers(v) for k, v in c.items()} for _, c in norms], 'cases': cases}


def clip(step):
    parameters = [torch.nn.Parameter(torch.zeros_like(g)) for g in step.values()]
    for p, g in zip(parameters, step.values()):
        p.grad = g.clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    return norm, {k: p.grad for k, p in zip(step, parameters)}


def torch_adamw(start, steps, lr, epsilon):
    parameters = {k: torch.nn.Parameter(v.clone()) for k, v in start.items()}
    optimiser = torch.optim.AdamW(parameters.values(), lr=lr, betas=(0.9, 0.999), eps=epsilon, weight_decay=0.01)
    out = []
    for gradients in steps:
        for k, p in parameters.items():
            p.grad = gradients[k].clone()
        optimiser.step()
        out.append({k: numbers(p) for k, p in parameters.items()})
    return out


def tensorflow_adamw(start, steps, lr, epsilon):
    x = {k: v.clone() for k, v in start.items()}
    m, v = ({k: torch.zeros_like(p) for k, p in x.items()} for _ in range(2))
    out = []
    for t, gradients in enumerate(steps, 1):
        rate = lr * math.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t)
        for k, g in gradients.items():
            m[k] = 0.9 * m[k] + 0.1 * g
            v[k] = 0.999 * v[k] + 0.001 * g ** 2
            x[k] = x[k] - lr * 0.01 * x[k] - rate * m[k] / (torch.sqrt(v[k]) + epsilon)
        out.append({k: numbers(p) for k, p in x.items()})
    return out


if __name__ == '__main__':
    main()
