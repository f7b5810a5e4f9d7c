import { exactDivergences } from '../../../server/engine/divergence.ts';
import { activate, Model } from '../../../server/engine/model.ts';
import { responseLogps } from '../../../server/engine/scoring.ts';
import { assertClose } from '../../support/close.ts';
import { randomSequences } from '../../support/sequences.ts';
import { resultOf } from '../../support/stages.ts';
import { tinyAdapter, tinyModel } from '../../support/tinyModel.ts';

describe('the exact divergence of a response', () => {
  const model = new Model(tinyModel());
  after(() => model.release());
  const [one, two] = [2, 3].map((seed) => activate(tinyAdapter(model.base, { seed })));

  for (const [name, adapters] of Object.entries({
    'between two adapters': { policy: one, reference: two },
    'from the bare base': { policy: one, reference: undefined },
  })) {
    it(`${name} is Σ over tokens of Σ over the vocabulary of p log p/q`, async () => {
      // Enough for several forward passes, and for lines that hold several responses.
      const sequences = randomSequences(60, { response: [1, 20] });
      const found = await resultOf(exactDivergences(model, adapters, sequences));
      for (const k of [0, 17, 59]) {
        const { prompt, response } = sequences[k];
        let expected = 0;
        for (let t = 0; t < response.length; t++) {
          const next = Array.from({ length: 64 }, (_, id) => ({
            prompt: [...prompt, ...response.slice(0, t)],
            response: [id],
          }));
          const p = (await resultOf(responseLogps(model, adapters.policy, next))).map(([logp]) => logp);
          const q = (await resultOf(responseLogps(model, adapters.reference, next))).map(([logp]) => logp);
          expected += p.reduce((sum, logp, id) => sum + Math.exp(logp) * (logp - q[id]), 0);
        }
        assertClose([found[k]], [expected], 1e-4, `response ${k}`);
      }
    });
  }
});
