// A process of its own: `node deviceStage.js DEVICE CASE STEPS` runs a stage of the tiny model and prints what came of
// it, because WebGPU can end the process it runs in.
import { Model } from '../../server/engine/model.ts';
import { onnx } from '../../server/engine/onnx/program.ts';
import { WebGpuRuntime } from '../../server/engine/onnx/webgpu/runtime.ts';
import type { StageEvent } from '../../server/engine/stages/stage.ts';
import { type DeviceReport, deviceCases } from './deviceCases.ts';
import { stepMetrics } from './stages.ts';

const [device, name, steps] = process.argv.slice(2);
const runtime = device === 'webgpu' ? new WebGpuRuntime({ wholly: true }) : onnx;
const tested = deviceCases[name];
const state = await tested.start();
const model = new Model(tested.base(), { runtime });
const traffic: DeviceReport['traffic'][number][] = [];
const events: StageEvent[] = [];
for await (const event of tested.open(model).run(state)) {
  if (event.kind !== 'step') continue;
  events.push(event);
  if (runtime instanceof WebGpuRuntime) {
    const { uploaded, downloaded, fed, fetched } = runtime.memory.traffic;
    traffic.push({ uploaded, downloaded, crossed: fed + fetched });
  }
  if (event.step === Number(steps)) break;
}
const learners = tested.learners(state).map(({ parameters, first, updates }) => ({
  updates,
  parameters: [...parameters],
  first: [...first],
}));
await model.release();
process.stdout.write(JSON.stringify({ steps: stepMetrics(events), learners, traffic } satisfies DeviceReport));
