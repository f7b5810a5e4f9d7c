/** What the installation of CUDA's provider says, without vscode. */
import type { CudaOffer } from '../../server/protocol/setup.ts';
import { t } from '../translate.ts';
import { bytes } from './amounts.ts';

export function offerQuestion(): string {
  return t("Download onnxruntime's CUDA provider?");
}

/** How much, from where, to where, and what it does not bring. */
export function offerDetail({ version, host, bytes: size, folder }: CudaOffer): string {
  return [
    t('{0} from {1}, version {2}, checked against the SHA-512 that is stated there.', bytes(size), host, version),
    t('It goes to {0}. A download that is cut off goes on where it stopped.', folder),
    t("NVIDIA's driver, CUDA and cuDNN 9 are not part of it: they must be on this machine for the device to compute."),
  ].join('\n\n');
}
