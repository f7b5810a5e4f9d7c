/** What the server tells of what can be installed besides: TensorFlow's native part, CUDA's provider. No imports but types. */

/** In this order; those that are not needed are left out. 'present' checks what is installed already. */
export type TensorflowStage = 'present' | 'download' | 'unpack' | 'binding' | 'compile' | 'check';

export interface TensorflowInstalled {
  readonly folder: string;
  /** Versions: '2.21.0', '4.22.0'. */
  readonly libtensorflow: string;
  readonly tfjsNode: string;
  /** On the disk. */
  readonly bytes: number;
}

export interface TensorflowState {
  /** Absent: nothing is installed. */
  readonly installed?: TensorflowInstalled;
  /** Where it was checked and computes. */
  readonly device?: 'cpu' | 'gpu';
  /** What TensorFlow says of a GPU that it cannot use. */
  readonly remark?: string;
  /** Where it was checked: why what is installed does not work. */
  readonly problem?: string;
  /** The libtensorflow that PALATE_LIBTENSORFLOW names. */
  readonly given?: string;
  /** Which version would be downloaded; absent: none is published for this platform. */
  readonly published?: string;
}

export interface TensorflowProgress {
  readonly stage: TensorflowStage;
  /** Bytes; `total` is 0 while it is not known. */
  readonly done: number;
  readonly total: number;
  /** Sentences that are no errors, oldest first. */
  readonly said: readonly string[];
}

/** How a set-up ended. 'present': it was there, and works. 'stopped': on request; nothing was installed. */
export type TensorflowSetup =
  | { readonly status: 'installed' | 'present'; readonly state: TensorflowState }
  | { readonly status: 'stopped' };

/** In this order. 'check' tries the device in a process of its own. */
export type CudaStage = 'download' | 'unpack' | 'check';

/** onnxruntime's CUDA provider as it can be downloaded. */
export interface CudaOffer {
  /** Of onnxruntime. */
  readonly version: string;
  /** Where it comes from. */
  readonly host: string;
  readonly bytes: number;
  /** Where it goes. */
  readonly folder: string;
}

/** 'none': why this platform has none. 'installed': it is there already, and can be tried anew. */
export type CudaState =
  | { readonly kind: 'none'; readonly message: string }
  | { readonly kind: 'installed'; readonly folder: string }
  | { readonly kind: 'offered'; readonly offer: CudaOffer };
