/** Fitted constants of the speed model, each with its standard error and how much evidence stands behind it. */
export interface Constant {
  readonly ln: number;
  readonly se: number;
  readonly n: number;
  readonly devices: number;
}
export type Constants = Readonly<Record<string, Constant>>;

/** Quantiles of ln(observed / predicted tokens per second). */
export interface Quantiles {
  readonly q10: number;
  readonly q50: number;
  readonly q90: number;
}

export interface Calibration {
  readonly decode: Constants;
  readonly prefill: Constants;
  /** the host's part of either task: beside devices, and alone */
  readonly host: Constants;
  readonly coreCapBytesPerSecond: Readonly<Record<"x86" | "apple" | "arm", number>>;
  readonly assumedClockHz: number;
  readonly assumedLinkBytesPerSecond: number;
  /** `quantiles` by task, kind and level (`decode|dense|A`); `widths` by task, level and family (`decode|A|nvidia-ada|cuda`) */
  readonly intervals: {
    readonly quantiles: Readonly<Record<string, Quantiles>>;
    readonly widths: Readonly<Record<string, number>>;
  };
  readonly nearRam: { readonly factor: number; readonly shareOfRam: number };
  readonly layerSplitDecode: Readonly<Record<string, number>>;
  readonly firstToken: {
    readonly tokenizeSecondsPerToken: number;
    readonly samplerSecondsPerToken: { readonly low: number; readonly mid: number; readonly high: number };
    readonly fixedSeconds: number;
  };
}
