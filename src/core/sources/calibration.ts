/** The constants of catalog/calibration, as the estimators take them. */
import cpu from "../../../catalog/calibration/cpu.json" with { type: "json" };
import decode from "../../../catalog/calibration/decode.json" with { type: "json" };
import engines from "../../../catalog/calibration/engines.json" with { type: "json" };
import intervals from "../../../catalog/calibration/intervals.json" with { type: "json" };
import offload from "../../../catalog/calibration/offload.json" with { type: "json" };
import prefill from "../../../catalog/calibration/prefill.json" with { type: "json" };
import quality from "../../../catalog/calibration/quality.json" with { type: "json" };
import type { QualityConstants } from "../facts/ability.ts";
import type { Calibration } from "../facts/calibration.ts";

export const calibration: Calibration = {
  decode: decode.constants,
  prefill: prefill.constants,
  offload: offload.constants,
  offloadPrefill: {
    linkEfficiency: offload.prefill.linkEfficiency.value,
    expertFactor: offload.prefill.expertFactor.value,
    linkBytesPerSecond: offload.prefill.linkBytesPerSecond.value,
  },
  cpu: { decode: cpu.decode, prefill: cpu.prefill, coreCapBytesPerSecond: cpu.coreCapBytesPerSecond, clockHz: cpu.assumedClockHz.value },
  intervals: { decode: intervals.decode, prefill: intervals.prefill, host: intervals.host },
  nearRam: intervals.nearRam,
  engines: engines.decode,
  prefillTime: engines.prefillTime,
  layerSplitDecode: engines.layerSplitDecode,
  firstToken: engines.firstToken,
};

export const qualityConstants: QualityConstants = quality;
