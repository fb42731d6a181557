/** What would make a model fit, the cheapest first: the run changed, the file changed, the machine changed. */
import type { Model } from "../facts/model.ts";
import type { Run } from "../facts/run.ts";
import { type Bytes, GIB, padTo, type Tokens } from "../units.ts";
import { assess, boundMemory, type Candidate, judgeMemory } from "./candidate.ts";
import { bestPlacement, type Knowledge, type ModelQuestion } from "./choose.ts";
import { contextCeiling, maxContext } from "./max-context.ts";
import type { Variant } from "./variants.ts";

export type WhyNotOption =
  | { readonly kind: "placement"; readonly candidate: Candidate }
  | { readonly kind: "context"; readonly candidate: Candidate; readonly contextTokens: Tokens }
  | { readonly kind: "cache"; readonly candidate: Candidate }
  | { readonly kind: "recipe"; readonly candidate: Candidate; readonly recipe: string }
  | { readonly kind: "memory"; readonly place: string; readonly extraBytes: Bytes }
  | { readonly kind: "device"; readonly deviceId: string; readonly memoryBytes: Bytes };

export interface DeviceChoice {
  readonly id: string;
  readonly memoryBytes: Bytes;
}

export interface WhyNot {
  readonly shortfallBytes: Bytes;
  readonly options: readonly WhyNotOption[];
}

/** Whether memory added to the place helps: the run's own devices grown until it fits. */
function memoryIncrement(candidate: Candidate): WhyNotOption[] {
  const rows: WhyNotOption[] = candidate.shortfall.devices.flatMap((bytes, index) =>
    bytes > 0
      ? [
          {
            kind: "memory" as const,
            place: candidate.hardware.devices[index]?.name ?? `device ${index}`,
            extraBytes: padTo(bytes, GIB),
          },
        ]
      : [],
  );
  if (candidate.shortfall.host > 0)
    rows.push({ kind: "memory", place: "RAM", extraBytes: padTo(candidate.shortfall.host, GIB) });
  return rows;
}

/** Smallest catalog devices that alone hold what the whole model needs on one device. */
function smallestDevices(need: Bytes, devices: readonly DeviceChoice[], limit: number): WhyNotOption[] {
  const seen = new Set<Bytes>();
  return [...devices]
    .filter((device) => device.memoryBytes >= need)
    .sort((a, b) => a.memoryBytes - b.memoryBytes || (a.id < b.id ? -1 : 1))
    .filter((device) => !seen.has(device.memoryBytes) && seen.add(device.memoryBytes))
    .slice(0, limit)
    .map((device) => ({ kind: "device" as const, deviceId: device.id, memoryBytes: device.memoryBytes }));
}

/** Remedies of hardware alone: memory added, or the smallest devices that hold `needBytes`. */
export function hardwareOptions(
  candidate: Candidate,
  needBytes: Bytes,
  devices: readonly DeviceChoice[],
): WhyNotOption[] {
  return [...memoryIncrement(candidate), ...smallestDevices(needBytes, devices, 3)];
}

const LEAST_CONTEXT = 2048;

export function whyNot(
  candidate: Candidate,
  variants: readonly Variant[],
  ask: ModelQuestion,
  devices: readonly DeviceChoice[],
  knowledge: Knowledge,
): WhyNot {
  const { model, run, question, hardware } = candidate;
  const options: WhyNotOption[] = [];
  const free: ModelQuestion = { ...ask, asGiven: false, fixed: new Set() };
  const tryRun = (changed: Run, of: Model = model): Candidate => bestPlacement(of, changed, free, knowledge);
  const placed = tryRun(run);
  if (placed.fits) options.push({ kind: "placement", candidate: placed });
  if (run.cacheTypeK === "f16" && model.hyper.hasCache && run.flashAttention) {
    const cached = tryRun({ ...run, cacheTypeK: "q8_0", cacheTypeV: "q8_0" });
    if (cached.fits) options.push({ kind: "cache", candidate: cached });
  }
  if (model.hyper.hasCache && run.contextTokens > LEAST_CONTEXT) {
    const least = tryRun({ ...run, contextTokens: LEAST_CONTEXT });
    if (least.fits) {
      const contextTokens = Math.min(
        run.contextTokens,
        maxContext(
          least,
          contextCeiling(model, run),
          (tried) => judgeMemory(model, hardware, tried, question.limits),
          (tried, like) => boundMemory(model, hardware, tried, question.limits, like),
        ),
      );
      options.push({
        kind: "context",
        contextTokens,
        candidate: assess(model, hardware, { ...least.run, contextTokens }, question, knowledge.calibration),
      });
    }
  }
  for (const variant of variants) {
    if (variant.recipe === undefined || variant.recipe === model.recipe) continue;
    const smaller = variant.model();
    if (smaller.fileBytes >= model.fileBytes) continue;
    const other = tryRun(run, smaller);
    if (!other.fits) continue;
    options.push({ kind: "recipe", candidate: other, recipe: variant.recipe });
    break;
  }
  options.push(...memoryIncrement(candidate));
  const whole = judgeMemory(
    model,
    { ...hardware, devices: hardware.devices.slice(0, 1) },
    {
      ...run,
      tensorSplit: [],
      offloadedLayers: model.hyper.layerCount + 1,
      cpuMoeLayers: 0,
      cpuFfnLayers: 0,
      overrides: [],
    },
    question.limits,
  );
  const margin = (whole.room.devices[0]?.capacityBytes ?? 0) - (whole.room.devices[0]?.allowedBytes ?? 0);
  const use = whole.memory.devices[0] ?? whole.memory.host;
  options.push(
    ...smallestDevices(use.modelBytes + use.contextBytes + use.computeBytes + Math.max(GIB, margin), devices, 3),
  );
  return { shortfallBytes: candidate.shortfall.totalBytes, options };
}
