import type { StageName } from '../../server/protocol/types.ts';

/** What a metric is, for a person: webviews show names and sentences from here, the files keep TRL's names. */
export interface MetricDoc {
  readonly label: string;
  /** What it is, and what is healthy. */
  readonly sentence: string;
  /** 'curve': shown at once; 'more': behind a button; 'figure': measured once, a number and not a curve. */
  readonly place: 'curve' | 'more' | 'figure';
  /** It has no noise: smoothing would only be wrong. */
  readonly exact?: true;
}

type Table = Readonly<Record<string, MetricDoc>>;

const gradientNorm: MetricDoc = {
  label: 'Gradient norm',
  sentence:
    'Length of the gradient before it is clipped; steady or slowly falling is healthy, a leap upwards that stays is not.',
  place: 'more',
};

const learningRate: MetricDoc = {
  label: 'Learning rate',
  sentence: 'How far one step may move the weights; it follows the schedule, so its course is known beforehand.',
  place: 'more',
  exact: true,
};

const sft: Table = {
  loss: {
    label: 'Loss',
    sentence:
      'Mean −log probability of the response’s tokens, in nats; it should fall quickly, then slowly, and not to nearly 0, which is learning by heart.',
    place: 'curve',
  },
  grad_norm: gradientNorm,
  learning_rate: learningRate,
  num_tokens: {
    label: 'Tokens trained on',
    sentence: 'Response tokens seen so far; it rises evenly.',
    place: 'more',
    exact: true,
  },
  epoch: {
    label: 'Epoch',
    sentence: 'How often every row has been seen; it rises evenly to the number of epochs.',
    place: 'more',
    exact: true,
  },
};

const reward: Table = {
  loss: {
    label: 'Loss',
    sentence:
      'How surprised the reward model is by the preferences, in nats a pair; it starts at 0.69, a coin’s toss, and should fall without reaching 0.',
    place: 'curve',
  },
  accuracy: {
    label: 'Accuracy',
    sentence:
      'Share of the step’s pairs whose chosen response has the higher reward; 0.5 is a coin’s toss, 0.65 to 0.9 is healthy, 1 early on is learning by heart.',
    place: 'curve',
  },
  margin: {
    label: 'Margin',
    sentence:
      'By how much the chosen response leads on average, in units of the raw reward; it should rise and then level off.',
    place: 'curve',
  },
  eval_accuracy: {
    label: 'Accuracy on held-out prompts',
    sentence:
      'Share of pairs of prompts never trained on that are ordered as you did; far below the training accuracy means too few preferences or too many epochs.',
    place: 'figure',
  },
  eval_margin: {
    label: 'Margin on held-out prompts',
    sentence: 'Mean lead of the chosen response on prompts never trained on; above 0 is healthy.',
    place: 'figure',
  },
  eval_calibration_error: {
    label: 'Calibration error',
    sentence:
      'How far the model’s confidence is from how often it is right, on held-out prompts; below 0.1 is good, above 0.2 it is too sure of itself.',
    place: 'figure',
  },
  eval_pairs: {
    label: 'Held-out pairs',
    sentence: 'How many pairs the held-out figures are taken over; below about 30 they are guesses.',
    place: 'figure',
  },
  mean_reward: {
    label: 'Mean reward',
    sentence:
      'Mean raw reward of both responses; it should stay near 0, and drifting far away means too little centring.',
    place: 'more',
  },
  grad_norm: gradientNorm,
  learning_rate: learningRate,
};

const ppo: Table = {
  'objective/scores': {
    label: 'Reward',
    sentence:
      'Mean normalised reward of the sampled responses; 0 is where the policy began, and it should rise without the samples getting worse to read.',
    place: 'curve',
  },
  'objective/rlhf_reward': {
    label: 'Reward less the price of KL',
    sentence:
      'What PPO maximises: the reward minus β times the KL; it should rise, and falling means too strong updates.',
    place: 'curve',
  },
  'objective/kl': {
    label: 'KL to the reference',
    sentence:
      'How far the policy has moved from where it began, in nats a response; slow growth that levels off is healthy, a steep rise means that it exploits the reward model.',
    place: 'curve',
  },
  'objective/entropy': {
    label: 'Entropy of responses',
    sentence:
      'How varied the responses are, in nats a response; it may sink slowly, and near 0 the policy always says the same.',
    place: 'curve',
  },
  'response/length': {
    label: 'Response length',
    sentence:
      'Mean tokens of a sampled response; a steady climb or collapse means that the reward model likes length itself.',
    place: 'curve',
  },
  'loss/policy_avg': {
    label: 'Policy loss',
    sentence: 'Clipped surrogate loss of an update; it stays small and noisy around 0, its level says nothing else.',
    place: 'curve',
  },
  'loss/value_avg': {
    label: 'Value loss',
    sentence:
      'Half the squared error of the critic’s predictions; it should fall and stay low, and while it is high the advantages are mostly noise.',
    place: 'curve',
  },
  'objective/kl_k3': {
    label: 'KL, second estimate',
    sentence:
      'The same KL by the estimator that is never negative; it should be close to the first, else both are noisy.',
    place: 'more',
  },
  'objective/non_score_reward': {
    label: 'Price of KL',
    sentence:
      'What the KL costs, −β times it; it sinks while the policy moves, and should stay smaller than the gain in reward.',
    place: 'more',
  },
  'objective/kl_coefficient': {
    label: 'KL coefficient β',
    sentence: 'What one nat of KL costs; constant unless a target of KL is set.',
    place: 'more',
    exact: true,
  },
  'policy/approxkl_avg': {
    label: 'KL of an update',
    sentence:
      'How far one update moves the policy, in nats a token; below about 0.02 is healthy, above 0.1 the learning rate is too high.',
    place: 'more',
  },
  'policy/clipfrac_avg': {
    label: 'Clipped tokens',
    sentence:
      'Share of tokens whose change was cut by the clip range; up to about 0.2 is healthy, more means too large steps.',
    place: 'more',
  },
  'policy/entropy_avg': {
    label: 'Entropy a token',
    sentence: 'How unsure the policy is of each token, in nats; it may sink slowly and should not fall to 0.',
    place: 'more',
  },
  'val/ratio': {
    label: 'Probability ratio',
    sentence: 'Mean of new over old probability of the sampled tokens; it stays within a few hundredths of 1.',
    place: 'more',
  },
  'val/clipfrac_avg': {
    label: 'Clipped values',
    sentence: 'Share of tokens whose value was cut by the clip range; high at the start, then it should sink.',
    place: 'more',
  },
  'val/num_eos_tokens': {
    label: 'Complete responses',
    sentence: 'Sampled responses that came to their own end; if it sinks to 0, responses are cut at the limit.',
    place: 'more',
  },
  'policy/grad_norm': { ...gradientNorm, label: 'Gradient norm of the policy' },
  'val/grad_norm': { ...gradientNorm, label: 'Gradient norm of the critic' },
  lr: learningRate,
  episode: {
    label: 'Responses sampled',
    sentence: 'Responses judged so far; it rises evenly.',
    place: 'more',
    exact: true,
  },
};

const tables: Readonly<Record<StageName, Table>> = { sft, reward, ppo };

export const stageTitles: Readonly<Record<StageName, string>> = {
  sft: 'Supervised fine-tuning',
  reward: 'Reward model',
  ppo: 'PPO',
};

/** A metric that a newer version logs is shown under its own name. */
export function metricDoc(stage: StageName, name: string): MetricDoc {
  const known = Object.hasOwn(tables[stage], name) ? tables[stage][name] : undefined;
  return known ?? { label: name, sentence: 'This version of Palate has no explanation of it.', place: 'more' };
}

/** In the order in which they are shown: the table's, then what it does not know. */
export function sortedMetrics(stage: StageName, names: Iterable<string>): string[] {
  const order = Object.keys(tables[stage]);
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  return [...names].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}
