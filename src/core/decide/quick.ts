/**
 * The same questions as `choose.ts`, answered by sums instead of tables: for sorting thousands of configurations before the few
 * that are shown are judged exactly. Weights and context are exact where everything is on one device; the compute buffer is a
 * closed form (reference memory model §5.2); a split between device and host counts average layers.
 */
import { layerStateBytes } from "../estimate/context.ts";
import { estimateQuality, meanKlDivergenceNats, type Quality } from "../estimate/quality.ts";
import { roledTensors } from "../estimate/roles.ts";
import { estimateSpeedOf } from "../estimate/speed.ts";
import { addTraffic, type Traffic, type TrafficByPlace, trafficOf } from "../estimate/traffic.ts";
import type { Ability } from "../facts/ability.ts";
import type { Hardware } from "../facts/hardware.ts";
import type { Hyperparameters, Model } from "../facts/model.ts";
import type { Run } from "../facts/run.ts";
import { runShape } from "../facts/run-shape.ts";
import type { Speed } from "../facts/speed.ts";
import { type Bytes, GIB, type Tokens } from "../units.ts";
import { DEFAULT_MARGIN_BYTES } from "./budget.ts";
import { felt, type Question, type RunMode } from "./candidate.ts";
import type { Knowledge } from "./choose.ts";
import { type Scores, weightedScore } from "./score.ts";

/** Sums of one model as stored. */
interface Sums {
  readonly embeddingBytes: Bytes;
  /** output layer, a tied embedding's copy included */
  readonly outputBytes: Bytes;
  /** everything in the layers that is not routed experts */
  readonly denseBytes: Bytes;
  readonly expertBytes: Bytes;
  readonly whole: Traffic;
  readonly expertsOnly: Traffic;
  readonly template: TrafficByPlace;
}

const sumsCache = new WeakMap<Model, Sums>();

function sumsOf(model: Model, run: Run): Sums {
  const known = sumsCache.get(model);
  if (known) return known;
  let embeddingBytes = 0;
  let outputBytes = 0;
  let denseBytes = 0;
  let expertBytes = 0;
  let head = false;
  let token = 0;
  for (const { role, layer, bytes, name } of roledTensors(model)) {
    if (layer >= 0 && model.hyper.layers[layer]?.nextn) continue;
    if (name === "output.weight") head = true;
    if (name === "token_embd.weight") token = bytes;
    if (role === "embedding") embeddingBytes += bytes;
    else if (layer < 0) outputBytes += bytes;
    else if (role === "experts") expertBytes += bytes;
    else denseBytes += bytes;
  }
  const { layerCount } = model.hyper;
  const layerDevices = new Array<number>(layerCount).fill(0);
  const place = {
    deviceCount: 1,
    layerDevices,
    outputDevice: 0,
    cacheDevices: layerDevices,
    hasOverrides: false,
    overrideOf: () => undefined,
  };
  const template = trafficOf(model, run, place);
  const split = trafficOf(model, run, {
    ...place,
    hasOverrides: true,
    overrideOf: (name) => (name.includes("_exps") || name.includes("_chexps") ? -1 : undefined),
  });
  const whole = template.devices[0] ?? template.host;
  const sums = {
    embeddingBytes,
    outputBytes: outputBytes + (head ? 0 : token),
    denseBytes,
    expertBytes,
    whole,
    expertsOnly: split.host,
    template,
  };
  sumsCache.set(model, sums);
  return sums;
}

const contextCache = new WeakMap<Hyperparameters, Map<string, Bytes>>();

function contextBytes(hyper: Hyperparameters, run: Run): Bytes {
  if (!hyper.hasCache) return 0;
  const known = contextCache.get(hyper) ?? new Map<string, Bytes>();
  contextCache.set(hyper, known);
  const key = `${run.contextTokens} ${run.cacheTypeK} ${run.cacheTypeV} ${run.sequences} ${run.unifiedCache} ${run.ubatchTokens}`;
  const held = known.get(key);
  if (held !== undefined) return held;
  const shape = runShape(run, hyper.causal);
  const bytes = hyper.layers.reduce(
    (sum, layer) => sum + layerStateBytes(layer, hyper, run, shape).reduce((total, part) => total + part, 0),
    0,
  );
  known.set(key, bytes);
  return bytes;
}

/** Live f32 values per token at the peak of a layer, and the attention masks. */
function computeBytes(hyper: Hyperparameters, run: Run): Bytes {
  const tokens = Math.min(run.contextTokens, run.ubatchTokens);
  const E = hyper.embeddingLength;
  let live = 0;
  for (const layer of hyper.layers) {
    const q = layer.headCount * (layer.attention ? layer.keyDim : 0);
    const { experts } = hyper;
    const wide =
      layer.moe && experts
        ? 3 * experts.used * experts.feedForwardLength + (E > 2 * experts.feedForwardLength ? experts.used * E : 0)
        : 3 * layer.feedForwardLength;
    live = Math.max(live, 2 * E + q + wide);
  }
  const windowed = hyper.layers.some((layer) => layer.windowTokens > 0) ? 2 : 1;
  return Math.max(tokens * (4 * live + 2 * windowed * run.contextTokens + 20), 4 * (hyper.vocabularyCount + E));
}

export interface Quick {
  readonly runMode: RunMode;
  readonly fits: boolean;
  readonly memoryBytes: Bytes;
  readonly deviceBytes: Bytes;
  /** what all models loaded at once may take: of the devices, or of RAM where there are none */
  readonly budgetBytes: Bytes;
  readonly shortfallBytes: Bytes;
  readonly speed: Speed | undefined;
  readonly quality: Quality;
  readonly scores: Scores;
  readonly score: number;
  readonly maxContextTokens: Tokens;
  /** need inside the margin */
  readonly comfortable: boolean;
}

interface Machine {
  readonly deviceBytes: Bytes;
  readonly hostBytes: Bytes;
  readonly unified: boolean;
}

const machines = new WeakMap<Hardware, Map<string, Machine>>();

function machineOf(hardware: Hardware, question: Question): Machine {
  const key = `${question.limits.marginBytes.join()}|${question.limits.budgetBytes.join()}`;
  const known = machines.get(hardware) ?? new Map<string, Machine>();
  machines.set(hardware, known);
  const held = known.get(key);
  if (held) return held;
  const { marginBytes, budgetBytes } = question.limits;
  const deviceBytes = hardware.devices.reduce((sum, device, index) => {
    const margin = marginBytes[index] ?? marginBytes.at(-1) ?? DEFAULT_MARGIN_BYTES;
    return (
      sum +
      Math.max(
        0,
        Math.min(
          budgetBytes[index] ?? budgetBytes.at(-1) ?? Number.POSITIVE_INFINITY,
          device.memoryUsableBytes.value - margin,
        ),
      )
    );
  }, 0);
  const { host } = hardware;
  const machine = {
    deviceBytes,
    hostBytes: Math.max(
      0,
      Math.min(host.ramAvailableBytes.value, host.ramLimitBytes?.value ?? Number.POSITIVE_INFINITY) - 0.3 * GIB,
    ),
    unified: hardware.devices.some(({ kind }) => kind === "unified"),
  };
  known.set(key, machine);
  return machine;
}

interface Split {
  readonly runMode: RunMode;
  readonly deviceBytes: Bytes;
  readonly hostBytes: Bytes;
  /** shares of the layers, and of the experts, on devices */
  readonly layerShare: number;
  readonly expertShare: number;
}

/** Where it would go, by sums. */
function splitOf(sums: Sums, context: Bytes, compute: Bytes, machine: Machine): Split {
  const { embeddingBytes, outputBytes, denseBytes, expertBytes } = sums;
  const whole = outputBytes + denseBytes + expertBytes + context + compute;
  const hostBase = embeddingBytes + compute / 8;
  if (machine.deviceBytes > 0 && whole <= machine.deviceBytes)
    return { runMode: "gpu", deviceBytes: whole, hostBytes: hostBase, layerShare: 1, expertShare: 1 };
  const withoutExperts = whole - expertBytes;
  if (expertBytes > 0 && withoutExperts <= machine.deviceBytes) {
    const share = Math.max(0, (machine.deviceBytes - withoutExperts) / expertBytes);
    return {
      runMode: "moe-offload",
      deviceBytes: withoutExperts + share * expertBytes,
      hostBytes: hostBase + (1 - share) * expertBytes + compute,
      layerShare: 1,
      expertShare: share,
    };
  }
  const share =
    machine.deviceBytes > 0
      ? Math.max(0, Math.min(1, (machine.deviceBytes - outputBytes - compute) / (denseBytes + context + expertBytes)))
      : 0;
  if (share < 0.02)
    return {
      runMode: "cpu",
      deviceBytes: 0,
      hostBytes:
        embeddingBytes + denseBytes + expertBytes + (machine.deviceBytes > 0 ? 0 : outputBytes) + context + compute,
      layerShare: 0,
      expertShare: 0,
    };
  return {
    runMode: "cpu-offload",
    deviceBytes: outputBytes + compute + share * (denseBytes + context + expertBytes),
    hostBytes: hostBase + compute + (1 - share) * (denseBytes + context + expertBytes),
    layerShare: share,
    expertShare: share,
  };
}

/** One configuration by sums. */
export function quick(
  model: Model,
  hardware: Hardware,
  run: Run,
  question: Question,
  ability: Ability | undefined,
  knowledge: Knowledge,
): Quick {
  const sums = sumsOf(model, run);
  const machine = machineOf(hardware, question);
  const context = contextBytes(model.hyper, run);
  const compute = computeBytes(model.hyper, run);
  const split = splitOf(sums, context, compute, machine);
  const pooled = machine.unified ? split.deviceBytes : 0;
  const shortfallBytes =
    Math.max(0, split.deviceBytes - machine.deviceBytes) + Math.max(0, split.hostBytes + pooled - machine.hostBytes);
  const fits = shortfallBytes === 0;
  const speed = fits
    ? estimateSpeedOf(model, run, placed(sums, split, hardware), hardware, question, knowledge.calibration)
    : undefined;
  const quality = estimateQuality(
    ability,
    question.row.domain,
    meanKlDivergenceNats(model, run.cacheTypeK, run.cacheTypeV, knowledge.quality),
    knowledge.quality,
  );
  const maxContextTokens = fits ? contextRoom(model, run, split, context, machine) : 0;
  const slack = Math.min(
    split.deviceBytes > 0 ? machine.deviceBytes / split.deviceBytes : Number.POSITIVE_INFINITY,
    split.runMode === "gpu" && !machine.unified
      ? Number.POSITIVE_INFINITY
      : machine.hostBytes / (split.hostBytes + pooled),
  );
  const comfortable = slack >= COMFORT;
  const rate = felt(speed, question, model.hyper.causal);
  const scores: Scores = {
    quality: quality.score,
    speed: 100 * Math.min(1, (rate ?? 0) / question.row.targetDecodeTokensPerSecond),
    fit: fits
      ? 100 * (worth[split.runMode] ?? 0) * (0.5 + 0.5 * Math.min(1, Math.max(0, (slack - 1) / (COMFORT - 1))))
      : 0,
    context: 100 * Math.min(1, maxContextTokens / question.row.contextTokens),
  };
  return {
    runMode: fits ? split.runMode : "does-not-fit",
    fits,
    memoryBytes: split.deviceBytes + split.hostBytes,
    deviceBytes: split.deviceBytes,
    budgetBytes: machine.deviceBytes > 0 ? machine.deviceBytes : machine.hostBytes,
    shortfallBytes,
    speed,
    quality,
    scores,
    score: fits ? weightedScore(scores, question.row.weights) : 0,
    maxContextTokens,
    comfortable,
  };
}

const COMFORT = 1.2;
const worth: Readonly<Partial<Record<RunMode, number>>> = { gpu: 1, "moe-offload": 0.8, "cpu-offload": 0.6, cpu: 0.5 };

/** Context that the room left would hold, on the slope at the run's own context. */
function contextRoom(model: Model, run: Run, split: Split, context: Bytes, machine: Machine): Tokens {
  const trained = model.hyper.trainedContextTokens;
  if (context === 0) return trained;
  const perToken = context / run.contextTokens;
  const room =
    split.runMode === "gpu"
      ? machine.deviceBytes - split.deviceBytes
      : machine.hostBytes + machine.deviceBytes - split.hostBytes - split.deviceBytes;
  return Math.min(trained, Math.floor(run.contextTokens + Math.max(0, room) / perToken));
}

/** Traffic dealt by shares: devices in proportion to their memory, the host takes the rest. */
function placed(sums: Sums, split: Split, hardware: Hardware): TrafficByPlace {
  const total = hardware.devices.reduce((sum, device) => sum + device.memoryUsableBytes.value, 0);
  const { whole, expertsOnly, template } = sums;
  const dense =
    split.runMode === "moe-offload"
      ? addTraffic([
          [whole, 1],
          [expertsOnly, -(1 - split.expertShare)],
        ])
      : addTraffic([[whole, split.layerShare]]);
  const host =
    split.runMode === "moe-offload"
      ? addTraffic([[expertsOnly, 1 - split.expertShare]])
      : addTraffic([[whole, 1 - split.layerShare]]);
  if (split.runMode === "moe-offload")
    host.guestExpertLayerCount = Math.round(whole.moeLayerCount * (1 - split.expertShare));
  if (split.runMode === "gpu" && hardware.devices.length === 1) return template;
  return {
    ...template,
    devices: hardware.devices.map((device) => addTraffic([[dense, device.memoryUsableBytes.value / total]])),
    host,
  };
}
