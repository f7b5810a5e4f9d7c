import assert from 'node:assert/strict';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  findNative,
  installedNatives,
  type NativeRecord,
  nativeHome,
  readNative,
  recordName,
  recordOf,
  tfjsNodePackage,
  versionsName,
} from '../../../server/tensorflow/home.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('the installed native part', () => {
  const folder = temporaryFolder();
  const { version: tfjsNode } = tfjsNodePackage();
  let homes = 0;
  const newHome = () => join(folder.path, `home-${++homes}`);

  /** An installation with one file, under the name that fits it or another one. */
  function install(home: string, change: Partial<NativeRecord> = {}, name?: string): string {
    const record: NativeRecord = {
      version: 1,
      tfjsNode,
      libtensorflow: '2.21.0',
      binding: 'tfjs_binding.node',
      files: { 'tfjs_binding.node': 7 },
      installedAt: '2026-01-01T00:00:00.000Z',
      ...change,
    };
    const place = join(nativeHome(home), name ?? versionsName(record.tfjsNode, record.libtensorflow));
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'tfjs_binding.node'), 'binding');
    writeFileSync(join(place, recordName), JSON.stringify(record));
    return place;
  }

  it("the folder's name holds everything that must fit", () => {
    const name = versionsName('4.22.0', '2.21.0');
    assert.equal(name, `tfjs-node-4.22.0-libtensorflow-2.21.0-napi-8-${process.platform}-${process.arch}`);
  });

  it('nothing is found where nothing was ever set up', () => assert.equal(findNative(newHome()), undefined));

  it('is found with its binding', () => {
    const home = newHome();
    const place = install(home);
    assert.deepEqual(findNative(home), {
      folder: place,
      binding: join(place, 'tfjs_binding.node'),
      tfjsNode,
      libtensorflow: '2.21.0',
      files: { 'tfjs_binding.node': 7 },
      installedAt: '2026-01-01T00:00:00.000Z',
    });
  });

  it('of several the one that was set up last', () => {
    const home = newHome();
    install(home, { libtensorflow: '2.9.1', installedAt: '2026-03-01T00:00:00.000Z' });
    install(home, { libtensorflow: '2.21.0', installedAt: '2026-02-01T00:00:00.000Z' });
    assert.deepEqual(
      installedNatives(home).map(({ libtensorflow }) => libtensorflow),
      ['2.9.1', '2.21.0'],
    );
  });

  it('not one for another tfjs-node, platform, processor or Node-API', () => {
    const home = newHome();
    install(home, { tfjsNode: '4.21.0' });
    install(home, {}, `tfjs-node-${tfjsNode}-libtensorflow-2.21.0-napi-8-plan9-mips`);
    install(home, {}, versionsName(tfjsNode, '2.21.0').replace('napi-8', 'napi-3'));
    assert.equal(findNative(home), undefined);
  });

  it('not one whose file is missing, cut off or unrecorded', () => {
    const home = newHome();
    const place = install(home);
    truncateSync(join(place, 'tfjs_binding.node'), 3);
    assert.equal(findNative(home), undefined);
    install(home, { files: { 'tfjs_binding.node': 7, 'libtensorflow.so.2': 1 } });
    assert.equal(findNative(home), undefined);
    install(home);
    assert.ok(findNative(home));
    truncateSync(join(place, recordName), 20);
    assert.equal(findNative(home), undefined);
  });

  it('not one of a newer record format', () => {
    const home = newHome();
    install(home, { version: 2 as 1 });
    assert.equal(findNative(home), undefined);
  });

  it('its record says what was read from it', () => {
    const home = newHome();
    const native = readNative(install(home, { binding: 'lib/napi-v8/tfjs_binding.node' }));
    assert.equal(recordOf(native!).binding, 'lib/napi-v8/tfjs_binding.node');
  });
});
