import assert from 'node:assert/strict';
import { stageParts } from '../../../server/jobs/stages.ts';
import { stageWork } from '../../../server/jobs/stageWork.ts';
import { createTimeLeft } from '../../../server/jobs/timeLeft.ts';

describe('the work of the stages', () => {
  it('follows from the preferences and the settings', () => {
    const few = stageWork({}, 12);
    const many = stageWork({}, 1200);
    assert.equal(many.sft, 100 * few.sft);
    assert.equal(many.reward, 100 * few.reward);
    assert.equal(many.ppo, few.ppo, 'PPO answers as many prompts however many preferences there are');
    assert.equal(stageWork({ ppo: { iterations: 20 } }, 12).ppo, 2 * few.ppo);
    assert.equal(stageWork({ sft: { epochs: 3 } }, 12).sft, 3 * few.sft);
  });

  it('tells of a long PPO after a short reward model', () => {
    let clock = 0;
    const left = createTimeLeft(stageParts('all', stageWork({}, 12)), () => clock);
    left.begin('sft');
    clock = 2000;
    left.update(1);
    const seconds = left.secondsLeft() ?? 0;
    assert.ok(seconds > 100, `${seconds} s for ten iterations of 32 responses, when 12 rows took two`);
  });
});
