/** One candidate stands behind every number of an answer: model, hardware, run, and what follows from them. */
import { estimateCompute } from "../estimate/compute.ts";
import { rememberedCompute } from "../estimate/compute-memo.ts";
import { estimateMemory, type MemoryDevice, type MemoryEstimate } from "../estimate/memory.ts";
import { largestMoved } from "../estimate/reserve.ts";
import { estimateSpeed } from "../estimate/speed.ts";
import type { Calibration } from "../facts/calibration.ts";
import { engineNames } from "../facts/engine-names.ts";
import type { Hardware } from "../facts/hardware.ts";
import { totalBytes } from "../facts/memory.ts";
import type { Model } from "../facts/model.ts";
import { HOST, type Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import type { Speed } from "../facts/speed.ts";
import type { Bytes, Tokens } from "../units.ts";
import { type Limits, type Room, roomFor, type Shortfall, shortfallOf, slackRatio } from "./budget.ts";
import type { UseCase, UseCaseRow } from "./use-cases.ts";

export const runModes = ["gpu", "moe-offload", "cpu-offload", "cpu", "disk-offload", "does-not-fit"] as const;
export type RunMode = (typeof runModes)[number];
export type FitLevel = "perfect" | "good" | "marginal" | "too-tight";
export type Usability = "usable" | "slow" | "impractical" | "infeasible";

/** What is asked, with every default resolved. */
export interface Question {
  readonly useCase: UseCase;
  readonly row: UseCaseRow;
  readonly promptTokens: Tokens;
  readonly outputTokens: Tokens;
  readonly engine: string;
  readonly buildYear: number;
  readonly limits: Limits;
}

/** Memory alone: what the placement search asks for, many times. */
export interface MemoryVerdict {
  readonly run: Run;
  readonly memory: MemoryEstimate;
  readonly room: Room;
  readonly shortfall: Shortfall;
  readonly fits: boolean;
}

export interface Candidate extends MemoryVerdict {
  readonly model: Model;
  readonly hardware: Hardware;
  readonly question: Question;
  readonly runMode: RunMode;
  readonly fitLevel: FitLevel;
  readonly usability: Usability;
  /** undefined when it does not fit */
  readonly speed: Speed | undefined;
  /** all that it takes, devices and host */
  readonly memoryBytes: Bytes;
  readonly utilizationFraction: number;
}

/** Thresholds of the verdicts. */
export const thresholds = {
  comfortRatio: 1.2,
  usableTokensPerSecond: 10,
  slowTokensPerSecond: 2,
  firstTokenSeconds: 60,
  warmTurnSeconds: 15,
} as const;

const memoryDevices = new WeakMap<Hardware, readonly MemoryDevice[]>();

/** Devices as the memory estimate takes them: free memory decides the default split. */
export function memoryDevicesOf(hardware: Hardware): readonly MemoryDevice[] {
  const known = memoryDevices.get(hardware);
  if (known) return known;
  const names = engineNames(hardware.devices);
  const devices = hardware.devices.map((device, index) => ({
    name: names[index] ?? device.name,
    backend: device.backend,
    freeBytes: device.memoryUsableBytes.value,
  }));
  memoryDevices.set(hardware, devices);
  return devices;
}

/** Memory of a run, and whether it fits. */
export function judgeMemory(
  model: Model,
  hardware: Hardware,
  run: Run,
  limits: Limits,
  compute: typeof rememberedCompute = rememberedCompute,
): MemoryVerdict {
  const memory = estimateMemory(model, run, memoryDevicesOf(hardware), compute);
  const room = roomFor(hardware, model, run, memory.placement, limits);
  const shortfall = shortfallOf(memory, room);
  return { run, memory, room, shortfall, fits: shortfall.totalBytes === 0 };
}

/** The same with the compute buffers of a verdict at hand: less than the truth for a longer context, and nothing to work out. */
export function boundMemory(
  model: Model,
  hardware: Hardware,
  run: Run,
  limits: Limits,
  like: MemoryVerdict,
): MemoryVerdict {
  return judgeMemory(model, hardware, run, limits, () => ({
    devices: like.memory.devices.map(({ computeBytes }) => computeBytes),
    host: like.memory.host.computeBytes,
    basis: like.memory.computeBasis,
  }));
}

/** Where the weights are, when it fits. */
export function placedMode(model: Model, placement: Placement): Exclude<RunMode, "disk-offload" | "does-not-fit"> {
  const layers = model.hyper.layers.filter((layer) => !layer.nextn);
  const onDevice = layers.filter((layer) => (placement.layerDevices[layer.index] ?? HOST) !== HOST).length;
  if (onDevice === 0) return "cpu";
  if (
    onDevice < layers.length ||
    placement.outputDevice === HOST ||
    layers.some((layer) => (placement.cacheDevices[layer.index] ?? HOST) === HOST)
  )
    return "cpu-offload";
  if (!placement.hasOverrides) return "gpu";
  const { experts, rest } = largestMoved(model, placement);
  if (rest > 0) return "cpu-offload";
  return experts > 0 ? "moe-offload" : "gpu";
}

/** What a user waits for: answers token by token, or, where nothing is generated, the reading. */
export function felt(speed: Speed | undefined, { row }: Question, causal: boolean): number | undefined {
  return row.domain === "embedding" || !causal ? speed?.prefillTokensPerSecond.mid : speed?.decodeTokensPerSecond.mid;
}

const usabilitySteps: readonly Usability[] = ["usable", "slow", "impractical"];

export function usabilityOf(fits: boolean, speed: Speed | undefined, rate: number): Usability {
  if (!fits || !speed) return "infeasible";
  let step = rate >= thresholds.usableTokensPerSecond ? 0 : rate >= thresholds.slowTokensPerSecond ? 1 : 2;
  if (
    speed.timeToFirstTokenSeconds.mid > thresholds.firstTokenSeconds ||
    speed.warmTurnSeconds.mid > thresholds.warmTurnSeconds
  )
    step++;
  return usabilitySteps[Math.min(step, 2)] ?? "impractical";
}

export function fitLevelOf(verdict: MemoryVerdict, runMode: RunMode, usability: Usability): FitLevel {
  if (!verdict.fits) return "too-tight";
  const comfortable =
    slackRatio(verdict.memory, verdict.room, runMode !== "gpu" || verdict.room.unified) >= thresholds.comfortRatio;
  if (runMode === "cpu" && usability !== "usable") return "marginal";
  if (runMode === "gpu") return comfortable ? "perfect" : "good";
  return comfortable ? "good" : "marginal";
}

/** Everything that follows from a run. Speed is left out where it does not fit. */
export function assess(
  model: Model,
  hardware: Hardware,
  run: Run,
  question: Question,
  calibration: Calibration,
): Candidate {
  return assessVerdict(judgeMemory(model, hardware, run, question.limits), model, hardware, question, calibration);
}

export function assessVerdict(
  verdict: MemoryVerdict,
  model: Model,
  hardware: Hardware,
  question: Question,
  calibration: Calibration,
): Candidate {
  const { memory, room, run } = verdict;
  const runMode = verdict.fits ? placedMode(model, memory.placement) : "does-not-fit";
  const speed = verdict.fits ? estimateSpeed(model, run, memory.placement, hardware, question, calibration) : undefined;
  const usability = usabilityOf(verdict.fits, speed, felt(speed, question, model.hyper.causal) ?? 0);
  const deviceBytes = memory.devices.reduce((sum, use) => sum + totalBytes(use), 0);
  const capacity = room.devices.reduce((sum, device) => sum + device.capacityBytes, 0);
  const hostBytes = totalBytes(memory.host);
  return {
    ...verdict,
    model,
    hardware,
    question,
    runMode,
    fitLevel: fitLevelOf(verdict, runMode, usability),
    usability,
    speed,
    memoryBytes: deviceBytes + hostBytes,
    utilizationFraction:
      capacity > 0 && deviceBytes > 0 ? deviceBytes / capacity : hostBytes / Math.max(1, room.host.capacityBytes),
  };
}

/**
 * The candidate as it leaves: its compute buffers worked out for its very context, where the search may have read them off the line
 * between two others. Itself when nothing differs, which is almost always.
 */
export function workedOut(candidate: Candidate, calibration: Calibration): Candidate {
  const { model, hardware, run, question, memory } = candidate;
  const exact = judgeMemory(model, hardware, run, question.limits, estimateCompute);
  const same =
    exact.memory.host.computeBytes === memory.host.computeBytes &&
    exact.memory.devices.every(({ computeBytes }, index) => computeBytes === memory.devices[index]?.computeBytes);
  return same ? candidate : assessVerdict(exact, model, hardware, question, calibration);
}
