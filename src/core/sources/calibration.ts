/** The constants of catalog/calibration, as the estimators take them. */
import decode from "../../../catalog/calibration/decode.json" with { type: "json" };
import engines from "../../../catalog/calibration/engines.json" with { type: "json" };
import host from "../../../catalog/calibration/host.json" with { type: "json" };
import intervals from "../../../catalog/calibration/intervals.json" with { type: "json" };
import prefill from "../../../catalog/calibration/prefill.json" with { type: "json" };
import quality from "../../../catalog/calibration/quality.json" with { type: "json" };
import type { QualityConstants } from "../facts/ability.ts";
import type { Calibration } from "../facts/calibration.ts";

export const calibration: Calibration = {
  decode: { ...decode.constants, ...engines.otherEngines.decode },
  prefill: { ...prefill.constants, ...engines.otherEngines.prefill },
  host: host.constants,
  coreCapBytesPerSecond: engines.assumed.coreCapBytesPerSecond,
  assumedClockHz: engines.assumed.clockHz,
  assumedLinkBytesPerSecond: engines.assumed.linkBytesPerSecond,
  intervals: { quantiles: intervals.quantiles, widths: intervals.widths },
  nearRam: engines.nearRam,
  layerSplitDecode: engines.layerSplitDecode,
  firstToken: engines.firstToken,
};

export const qualityConstants: QualityConstants = quality;
