import assert from 'node:assert/strict';
import { commandHelp, parseCommand } from '../../../server/cli/command.ts';
import { printable } from '../../../server/cli/console.ts';
import { generate } from '../../../server/cli/generate.ts';
import { score } from '../../../server/cli/score.ts';
import { resumeCommand, train } from '../../../server/cli/train.ts';

describe('the command line', () => {
  it('is read', () => {
    const { help, values, operands } = parseCommand(generate, [
      '--model',
      'm',
      'a.jsonl',
      '--seed=3',
      '--temperature',
      '.5',
      '--json',
    ]);
    assert.deepEqual(values, { model: 'm', seed: 3, temperature: 0.5, json: true, greedy: false });
    assert.deepEqual([help, operands], [false, ['a.jsonl']]);
  });

  it('takes what follows -- as it is, and the last of two', () => {
    const { values, operands } = parseCommand(generate, ['--model', 'm', '--model', 'n', '--', '--odd name']);
    assert.deepEqual([values.model, operands], ['n', ['--odd name']]);
  });

  it('--help goes before all else', () => {
    assert.ok(parseCommand(train, ['-h']).help);
    assert.ok(parseCommand(train, ['--help', '--nonsense']).help);
  });

  const model = ['--model', 'm'];
  const run = [...model, '--data', 'd', '--out', 'o'];
  const refused: [command: typeof train, args: string[], sentence: RegExp][] = [
    [generate, model, /^palate generate needs FILE\.jsonl\./],
    [generate, ['a', 'b', ...model], /^palate generate does not know what to do with "b"\./],
    [generate, ['--greedy', 'a'], /^--greedy needs --model\.$/],
    [generate, [...model, '--limit', '3', 'a'], /^--limit is for a project, without --model\.$/],
    [generate, ['--modle', 'm', 'a'], /^palate generate has no flag --modle\. Did you mean --model\?$/],
    [
      generate,
      ['--max_new_tokens', '3', 'a'],
      /^palate generate has no flag --max_new_tokens\. Did you mean --max-new-tokens\?$/,
    ],
    [generate, ['--maxNewTokens=3', 'a'], /Did you mean --max-new-tokens\?$/],
    [generate, ['--constructor', 'a'], /^palate generate has no flag --constructor\./],
    [generate, ['-x', 'a'], /^palate generate has no flag -x\./],
    [generate, [...model, 'a', '--seed'], /^--seed needs a value: --seed N\.$/],
    [generate, ['--model', '--json', 'a'], /^--model needs a value: --model MODEL\.$/],
    [generate, [...model, '--json=yes', 'a'], /^--json stands alone; it takes no value\.$/],
    [
      generate,
      [...model, '--seed', '-1', 'a'],
      /^--seed takes a whole number of at least 0 and at most 4294967295, not "-1"\.$/,
    ],
    [generate, [...model, '--seed', '1.5', 'a'], /^--seed takes a whole number/],
    [generate, [...model, '--seed', '', 'a'], /^--seed takes a whole number/],
    [generate, [...model, '--samples', 'two', 'a'], /^--samples takes a whole number of at least 1, not "two"\.$/],
    [generate, [...model, '--samples', '0', 'a'], /^--samples takes a whole number of at least 1, not "0"\.$/],
    [generate, [...model, '--temperature', '0', 'a'], /^--temperature takes a number above 0, not "0"\.$/],
    [generate, [...model, '--temperature', 'NaN', 'a'], /^--temperature takes a number above 0, not "NaN"\.$/],
    [score, [...model, 'a'], /^palate score needs --adapter REWARD\./],
    [
      train,
      ['--stage', 'rewrd', ...run],
      /^--stage is one of sft, reward, ppo, all, not "rewrd"\. Did you mean reward\?$/,
    ],
    [train, run, /^palate train needs --stage sft\|reward\|ppo\|all\./],
    [train, ['--stage', 'sft', ...model], /^palate train needs --data FILE\.jsonl\./],
    [train, ['--stage', 'sft', ...run, '--run', 'r'], /^--run has no place here: --model, --data and --out say all\.$/],
    [train, ['--resume'], /^--resume has no place here: .*`palate resume` goes on with a run\.$/],
    [train, ['--stage', 'sft', ...run, 'extra'], /^palate train does not know what to do with "extra"\./],
  ];
  for (const [command, args, sentence] of refused) {
    it(`palate ${command.name} ${args.join(' ')} is refused`, () => {
      assert.throws(
        () => parseCommand(command, args),
        (error: Error) => error.name === 'UserError' && sentence.test(error.message),
        String(sentence),
      );
    });
  }

  it('help names every flag once in the usage and once below, on lines that fit', () => {
    for (const command of [generate, score, train]) {
      const help = commandHelp(command);
      for (const flag of Object.keys(command.flags)) assert.match(help, new RegExp(`^ {2}--${flag}( |$)`, 'm'), flag);
      const [usage] = help.split('\n\n').slice(1);
      assert.match(usage, /^Usage: palate/);
      assert.ok(help.split('\n').every((line) => line.length <= 120));
    }
  });

  it('the command that resumes can be pasted into a shell', () => {
    assert.equal(
      resumeCommand(['train', '--out', "it's here", '--stage', 'all']),
      "palate train --out 'it'\\''s here' --stage all --resume",
    );
    assert.equal(resumeCommand(['train', '--resume', '--out=x']), 'palate train --resume --out=x');
  });

  it('text of others cannot control the terminal', () => {
    const hostile = 'a\u001b[2J\u0007\r\u009b1m\u202eb\n\tc';
    assert.equal(printable(hostile), 'a\\u001b[2J\\u0007\\u000d\\u009b1m\\u202eb\n\tc');
  });
});
