import { deviceTitle } from '../devices/choose.ts';
import { onnxruntimePackage } from '../devices/onnxruntime.ts';
import type { Probed } from '../devices/probe.ts';
import type { CudaOffer } from '../protocol/setup.ts';

/** What would be downloaded: how much, from where, to where. */
export function offerText({ version, host, bytes, folder }: CudaOffer): string {
  return (
    `onnxruntime's CUDA provider ${version}, for NVIDIA's GPUs: ${(bytes / 1e6).toFixed(0)} MB are downloaded from ` +
    `${host}, checked, and unpacked into ${folder}.`
  );
}

/** What the trial in a process of its own showed, and what to do where it does not compute yet. */
export function trialText(probed: Probed): string {
  if (probed.works) {
    const { rates } = probed;
    const speed = rates
      ? `: a matrix product at ${rates.device.toPrecision(2)} GFLOP/s, the CPU at ${rates.cpu.toPrecision(2)}`
      : '';
    return `${deviceTitle(probed)} computes a training step as the CPU does${speed}. Choose the device cuda, or auto.`;
  }
  const reason = (probed.reason ?? 'it said nothing').replace(/\.$/, '');
  return (
    `It does not compute here yet; its own words: ${reason}. onnxruntime ${onnxruntimePackage().version} needs NVIDIA's ` +
    `driver, and the libraries of ${cudaVersion(reason)} and cuDNN 9 where the system's loader finds them (ldconfig, or ` +
    'LD_LIBRARY_PATH when Palate or the editor is started). When they are there, run the same command again: it tries anew.'
  );
}

/** A library that is missing tells by its name which CUDA is meant: libcublasLt.so.12. */
function cudaVersion(reason: string): string {
  const [, major] = /lib(?:cublas|cublasLt|cudart)\.so\.(\d+)/.exec(reason) ?? [];
  return `CUDA ${major ?? '12'}`;
}
