/**
 * Our placement against llama.cpp's own `--fit` on the same devices (fit.jsonl): margins kept, decode speed, use of the devices, context.
 * Each device counts as an RTX 3090 of the row's memory; memory is judged as the RPC devices were that the rows were measured on.
 */
import { type Candidate, judgeMemory, type Question } from "../../src/core/decide/candidate.ts";
import { bestPlacement, type Knowledge, type ModelQuestion } from "../../src/core/decide/choose.ts";
import { useCases } from "../../src/core/decide/use-cases.ts";
import { estimateSpeed } from "../../src/core/estimate/speed.ts";
import type { Backend, Device, Hardware } from "../../src/core/facts/hardware.ts";
import { totalBytes } from "../../src/core/facts/memory.ts";
import type { Model } from "../../src/core/facts/model.ts";
import { placeRun } from "../../src/core/facts/place.ts";
import type { Run } from "../../src/core/facts/run.ts";
import { calibration, qualityConstants } from "../../src/core/sources/calibration.ts";
import { parseRun, resolveRun } from "../../src/core/sources/run-string.ts";
import { GIB, MIB } from "../../src/core/units.ts";
import { modelReader, readRows } from "./rows.ts";

interface Use {
  readonly model: number;
  readonly context: number;
  readonly compute: number;
}

export interface FitRow {
  readonly model: string;
  readonly quant: string;
  readonly devices_gib: readonly number[];
  readonly margin_mib: number;
  readonly user_args: string;
  readonly fitted: string | null;
  readonly memory: { readonly n_ctx: number; readonly devices: readonly Use[]; readonly host: Use } | null;
}

const fact = <T>(value: T) => ({ value, evidence: "assumed" as const, source: "placement truth" });
const useBytes = ({ model, context, compute }: Use): number => model + context + compute;
const knowledge: Knowledge = { calibration, quality: qualityConstants };

function device(gibibytes: number, backend: Backend): Device {
  return {
    id: "rtx-3090",
    name: "NVIDIA GeForce RTX 3090",
    vendor: "nvidia",
    kind: "gpu",
    backend,
    memoryTotalBytes: fact(gibibytes * GIB),
    memoryUsableBytes: fact(gibibytes * GIB),
    bandwidthBytesPerSecond: fact(936e9),
    fp16FlopsPerSecond: fact(142.3e12),
    fp32FlopsPerSecond: fact(35.58e12),
    family: "nvidia-ampere",
    computeCapability: "8.6",
    driver: undefined,
    pciAddress: undefined,
    linkBytesPerSecond: fact(31.5e9),
  };
}

function machine(gibibytes: readonly number[], backend: Backend): Hardware {
  const ram = fact(16384 * GIB);
  return {
    name: "truth",
    devices: gibibytes.map((size) => device(size, backend)),
    warnings: [],
    host: {
      os: "linux",
      arch: "x64",
      cpuModel: "",
      physicalCoreCount: fact(16),
      isa: ["avx2"],
      ramTotalBytes: ram,
      ramAvailableBytes: ram,
      ramLimitBytes: undefined,
      ramBandwidthBytesPerSecond: fact(60e9),
      cpuLoadFraction: undefined,
    },
  };
}

export interface PlacementComparison {
  readonly row: FitRow;
  readonly ours: Candidate;
  /** bytes over what a device allows; 0 when every margin is kept */
  readonly overBytes: number;
  readonly decode: number;
  readonly fitDecode: number;
  readonly fitKeepsMargin: boolean;
  readonly spills: boolean;
  /** Σ use ÷ Σ (capacity − margin), ours and theirs */
  readonly useFraction: number;
  readonly fitUseFraction: number;
  readonly contextTokens: number;
  readonly trainedContextTokens: number;
  readonly freeContext: boolean;
}

function question(marginMiB: number): Question {
  return {
    useCase: "general",
    row: useCases.general,
    promptTokens: 1024,
    outputTokens: 256,
    engine: "llama.cpp",
    buildYear: 2026.8,
    limits: { marginBytes: [marginMiB * MIB], budgetBytes: [] },
  };
}

function decodeOf(model: Model, run: Run, row: FitRow): number {
  const hardware = machine(row.devices_gib, "cuda");
  const devices = hardware.devices.map(({ memoryUsableBytes }, index) => ({
    name: `RPC${index}`,
    freeBytes: memoryUsableBytes.value,
  }));
  const placement = placeRun(model.hyper.layerCount, run, devices);
  return estimateSpeed(model, run, placement, hardware, question(row.margin_mib), calibration).decodeTokensPerSecond
    .mid;
}

/** The caller's own placement leaves nothing to choose. */
const placedByUser = /-ngl|-ot|-n?cmoe|-ts|-sm|--(n-)?cpu/;

/** Cache types that are chosen unasked. */
const cachePairs = ["q8_0", "f16"] as const;
const CONTEXT_LOOKS = 6;
const CONTEXT_STEP = 256;

/** The largest context found by a few looks on a logarithmic scale; the least where not even one step more serves. */
function largestContext(least: number, most: number, serves: (tokens: number) => boolean): number {
  if (most <= least || serves(most)) return Math.max(least, most);
  if (!serves(least + CONTEXT_STEP)) return least;
  let low = least + CONTEXT_STEP;
  let high = most;
  for (let look = 0; look < CONTEXT_LOOKS && high - low > CONTEXT_STEP; look++) {
    const middle = Math.floor(Math.sqrt(low * high) / CONTEXT_STEP) * CONTEXT_STEP;
    if (middle <= low || middle >= high) break;
    if (serves(middle)) low = middle;
    else high = middle;
  }
  return low;
}

export function comparePlacement(row: FitRow, model: Model): PlacementComparison | undefined {
  const { fitted, memory, user_args, margin_mib, devices_gib } = row;
  if (fitted === null || memory === null || placedByUser.test(user_args)) return undefined;
  const args = fitted.replaceAll(/RPC(\d+)\[[^\]]*\]/g, "RPC$1");
  const theirs = resolveRun(parseRun(`llama-fit-params ${user_args.replace(/-c \d+/, "")} ${args}`), model.hyper, 4096);
  const base: Run = {
    ...theirs,
    offloadedLayers: model.hyper.layerCount + 1,
    tensorSplit: [],
    overrides: [],
    cpuMoeLayers: 0,
    cpuFfnLayers: 0,
  };
  const hardware = machine(devices_gib, "rpc");
  const asked = question(margin_mib);
  const ask: ModelQuestion = {
    hardware,
    question: asked,
    asGiven: false,
    fixed: new Set(),
    runModes: ["gpu", "moe-offload", "cpu-offload", "cpu"],
  };
  const ours = bestPlacement(model, base, ask, knowledge);
  const allowed = devices_gib.map((size) => size * GIB - margin_mib * MIB);
  const over = (bytes: readonly number[]): number =>
    bytes.reduce((sum, used, index) => sum + Math.max(0, used - (allowed[index] ?? 0)), 0);
  const used = ours.memory.devices.map((use) => totalBytes(use));
  const theirUsed = memory.devices.map(useBytes);
  const capacity = allowed.reduce((sum, bytes) => sum + bytes, 0);
  const total = (bytes: readonly number[]): number => bytes.reduce((sum, value) => sum + value, 0);
  const trained = model.hyper.trainedContextTokens;
  const freeContext = !/-c \d/.test(user_args);
  const fitDecode = decodeOf(model, theirs, row);
  const contextTokens = freeContext
    ? largestContext(ours.run.contextTokens, trained, (tokens) =>
        cachePairs.some((type) => {
          const run: Run = { ...base, contextTokens: tokens, cacheTypeK: type, cacheTypeV: type };
          const tried = bestPlacement(model, run, ask, knowledge);
          return tried.fits && decodeOf(model, tried.run, row) >= fitDecode;
        }),
      )
    : ours.run.contextTokens;
  return {
    row,
    ours,
    overBytes: over(used),
    decode: decodeOf(model, ours.run, row),
    fitDecode,
    fitKeepsMargin: over(theirUsed) === 0,
    spills: spillsToHost(ours, memory, model),
    useFraction: total(used) / capacity,
    fitUseFraction: total(theirUsed) / capacity,
    contextTokens,
    trainedContextTokens: trained,
    freeContext,
  };
}

/** Weights other than the embedding table lie on the host with `--fit`'s choice. */
function spillsToHost(ours: Candidate, memory: NonNullable<FitRow["memory"]>, model: Model): boolean {
  const whole = judgeMemory(
    model,
    machine([16384], "rpc"),
    { ...ours.run, tensorSplit: [], overrides: [], cpuMoeLayers: 0, cpuFfnLayers: 0, offloadedLayers: 9999 },
    { marginBytes: [], budgetBytes: [] },
  );
  const theirHost = memory.host.model + ("cpu_repack_model" in memory ? Number(memory.cpu_repack_model) : 0);
  return theirHost > whole.memory.host.modelBytes * 1.001 + MIB;
}

export async function measurePlacement(folder: string, every = 1): Promise<PlacementComparison[]> {
  const readModel = modelReader(folder);
  const comparisons: PlacementComparison[] = [];
  const rows = readRows<FitRow>(folder, "fit.jsonl").filter((_, index) => index % every === 0);
  for (const row of rows) {
    const comparison = comparePlacement(row, await readModel(row.model, row.quant));
    if (comparison) comparisons.push(comparison);
  }
  return comparisons;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

const fraction = (part: number, of: number): number => (of === 0 ? 1 : part / of);
/** speeds that count as the same: rounding of equal placements */
const SAME = 1e-6;

export function placementFigures(comparisons: readonly PlacementComparison[]) {
  const kept = comparisons.filter(({ fitKeepsMargin }) => fitKeepsMargin);
  const spilling = comparisons.filter(({ spills }) => spills);
  const uses = spilling.map(({ useFraction }) => useFraction);
  const short = comparisons.filter(
    ({ freeContext, row, trainedContextTokens }) =>
      freeContext && row.memory?.n_ctx === 4096 && trainedContextTokens > 4096,
  );
  return {
    rows: comparisons.length,
    marginBroken: comparisons.filter(({ overBytes, ours }) => overBytes > 0 || !ours.fits).length,
    fitMarginBroken: comparisons.length - kept.length,
    notSlowerFraction: fraction(
      kept.filter(({ decode, fitDecode }) => decode >= fitDecode * (1 - SAME)).length,
      kept.length,
    ),
    spillingRows: spilling.length,
    fasterFraction: fraction(
      spilling.filter(({ decode, fitDecode }) => decode > fitDecode * (1 + SAME)).length,
      spilling.length,
    ),
    medianUseFraction: quantile(uses, 0.5),
    p10UseFraction: quantile(uses, 0.1),
    fitMedianUseFraction: quantile(
      spilling.map(({ fitUseFraction }) => fitUseFraction),
      0.5,
    ),
    shortContextRows: short.length,
    contextLess: comparisons.filter(
      ({ freeContext, row, contextTokens, fitKeepsMargin }) =>
        freeContext && fitKeepsMargin && contextTokens < (row.memory?.n_ctx ?? 0),
    ).length,
    contextMoreFraction: fraction(short.filter(({ contextTokens }) => contextTokens > 4096).length, short.length),
  };
}
