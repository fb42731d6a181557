/** What stands behind a rate, and the interval that follows: published timings, the user's own runs, a machine at work, an unknown card. */
import type { Quantiles } from "../facts/calibration.ts";
import type { Interval, Seconds } from "../units.ts";
import { type EvidenceLevel, evidenceLevel } from "./rates.ts";
import { hostWorks, type SpeedSetting } from "./speed-parts.ts";

/** One timing of the user's own against what was said of it. */
export interface OwnRun {
  /** the device's id, or `cpu` where no device took part */
  readonly device: string;
  readonly backend: string;
  readonly task: "decode" | "prefill";
  /** ln(observed / predicted middle), tokens per second */
  readonly lnRatio: number;
}

/** Weight of one own run against the constants; more of them come nearer to 1 (reference §7.3: 10.5 → 6.9 % with 0.8). */
const OWN_RUN_WEIGHT = 0.8;
/** No own run moves a prediction further than this (ln): beyond it the run, not the machine, is odd. */
const LARGEST_CORRECTION = Math.log(4);
/** An unnamed card may be of any family of its backend. */
const UNKNOWN_WIDTH = 1.5;

interface OwnCorrection {
  readonly ln: number;
  readonly runs: number;
}

/** The residual of this setting's devices and backend: the mean of what was seen, held back by how little it is. */
function correctionOf(setting: SpeedSetting, task: "decode" | "prefill"): OwnCorrection {
  const { ownRuns = [] } = setting.question;
  if (ownRuns.length === 0) return { ln: 0, runs: 0 };
  const busy = setting.hardware.devices.filter((_, index) => (setting.traffic.devices[index]?.activeBytes ?? 0) > 0);
  const fits = (run: OwnRun) =>
    run.task === task &&
    (busy.length === 0
      ? run.device === "cpu"
      : busy.every(({ id, backend }) => run.device === id && run.backend === backend));
  const lns = ownRuns.filter(fits).map(({ lnRatio }) => lnRatio);
  if (lns.length === 0) return { ln: 0, runs: 0 };
  const mean = lns.reduce((sum, ln) => sum + ln, 0) / lns.length;
  const weight = lns.length / (lns.length + 1 / OWN_RUN_WEIGHT - 1);
  return { ln: Math.max(-LARGEST_CORRECTION, Math.min(LARGEST_CORRECTION, weight * mean)), runs: lns.length };
}

/**
 * What else runs takes its share: threads that wait for each other suffer most (two of them were seen 3 to 10 times slower beside another load,
 * reference §5), a device hardly.
 */
function busyLn(setting: SpeedSetting): number {
  const load = Math.max(0, Math.min(1, setting.hardware.host.cpuLoadFraction ?? 0));
  return load === 0 ? 0 : Math.log(hostWorks(setting) ? Math.max(0.1, 1 - load) : 1 - 0.3 * load);
}

/** How well the slowest-known part of the setting is known. */
function levelOf(setting: SpeedSetting): EvidenceLevel {
  const levels = setting.traffic.devices.flatMap((place, index) => {
    const rates = setting.rates[index];
    return rates && place.activeBytes > 0 ? [evidenceLevel(rates, setting.calibration)] : [];
  });
  // a processor alone is never known better than its instruction set
  if (levels.length === 0) return "C";
  // RAM, cores and link beside a device are its machine's: where none of the family was timed like that, nothing is known of them
  if (
    hostWorks(setting) &&
    familiesOf(setting).some((family) => setting.calibration.intervals.widths[`decode|A|${family}`] === undefined)
  )
    return "D";
  return levels.includes("D") ? "D" : levels.includes("C") ? "C" : "A";
}

/** Quantiles for this candidate: the device's level, widened by what the host adds. */
export function quantilesFor(setting: SpeedSetting, task: "decode" | "prefill", stated?: EvidenceLevel): Quantiles {
  const own = correctionOf(setting, task);
  const level = stated ?? (own.runs > 0 ? "A" : levelOf(setting));
  const { intervals, nearRam } = setting.calibration;
  const { traffic, hardware } = setting;
  const onDevices = traffic.devices.some((place) => place.activeBytes > 0);
  const onHost = hostWorks(setting);
  const width =
    familiesOf(setting).reduce(
      (widest, family) => Math.max(widest, intervals.widths[`${task}|${level}|${family}`] ?? (widest === 0 ? 1 : 0)),
      0,
    ) || 1;
  const kind = setting.model.hyper.experts ? "moe" : "dense";
  const group = !onHost ? kind : onDevices ? "offload" : setting.hostRates.isa.startsWith("avx") ? "x86" : "arm";
  // where a level has too few votes of its own, the next worse one speaks for it
  const { quantiles } = intervals;
  const { q10, q50, q90 } = [level, "D", "C", "A"]
    .map((known) => quantiles[`${task}|${group}|${known}`])
    .find((row) => row !== undefined) ?? { q10: -1, q50: 0, q90: 1 };
  // what a device adds to a host's uncertainty, where the host's own is known from one machine only
  const alone = onHost && onDevices ? quantiles[`${task}|${kind}|${level}`] : undefined;
  const near =
    onHost &&
    traffic.host.expertBytes + traffic.host.activeBytes > nearRam.shareOfRam * hardware.host.ramTotalBytes.value;
  const unknown =
    onDevices &&
    setting.rates.some((rates, index) => rates.family === "" && (traffic.devices[index]?.activeBytes ?? 0) > 0)
      ? UNKNOWN_WIDTH
      : 1;
  // q50 is the bias of published timings; a run of one's own says what this machine's is
  const middle = own.ln + (own.runs > 0 ? 0 : q50);
  return {
    q10:
      middle +
      Math.min((q10 - q50) * width, level === "A" ? 0 : (alone?.q10 ?? 0)) * unknown +
      (near ? Math.log(nearRam.factor) : 0) +
      busyLn(setting),
    q50: middle,
    q90: middle + Math.max((q90 - q50) * width, level === "A" ? 0 : (alone?.q90 ?? 0)) * unknown,
  };
}

/** Keys of the widths: a family on its backend, beside a host or not; a processor alone by its instruction set. */
function familiesOf(setting: SpeedSetting): string[] {
  const onHost = hostWorks(setting);
  const families = setting.rates.flatMap((rates, index) =>
    (setting.traffic.devices[index]?.activeBytes ?? 0) > 0
      ? [`${rates.family}|${rates.backend}${onHost ? " beside a host" : ""}`]
      : [],
  );
  return families.length > 0 ? families : [`cpu ${setting.hostRates.isa}`];
}

/** Tokens per second and its interval. */
export function rateInterval(secondsPerToken: Seconds, { q10, q50, q90 }: Quantiles): Interval {
  const rate = secondsPerToken > 0 ? 1 / secondsPerToken : 0;
  return { low: rate * Math.exp(q10), mid: rate * Math.exp(q50), high: rate * Math.exp(q90) };
}
