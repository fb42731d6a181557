/** What the report and the README show of speed. */

import {
  type Basis,
  hasSpeedRows,
  measureFolderSpeed,
  measureOwnSpeed,
  type SpeedMeasurement,
  type SpeedSection,
  speedSection,
} from "./speed.ts";
import { type SpeedFigures, speedFigures } from "./speed-figures.ts";

export type SpeedSummary = SpeedSection & {
  readonly basis: Basis;
  readonly unseen?: SpeedSection;
  readonly strange?: SpeedSection;
  readonly inSample?: SpeedSection;
};

export interface SpeedReport {
  readonly summary: SpeedSummary;
  readonly measurements: readonly SpeedMeasurement[];
}

/** The project's own observations unless the folder brings rows of its own. */
export async function speedReport(folder: string): Promise<SpeedReport> {
  if (hasSpeedRows(folder)) {
    const measurement = await measureFolderSpeed(folder);
    return { summary: { basis: measurement.basis, ...speedSection(measurement) }, measurements: [measurement] };
  }
  const measurements = await measureOwnSpeed();
  const section = (basis: Basis) => {
    const found = measurements.find((measurement) => measurement.basis === basis);
    if (!found) throw new Error(`no measurement ${basis}`);
    return speedSection(found);
  };
  return {
    summary: {
      basis: "known",
      ...section("known"),
      unseen: section("unseen"),
      strange: section("strange"),
      inSample: section("in-sample"),
    },
    measurements,
  };
}

const names = {
  decode: "decode, on the GPU",
  decodeAfterOwnRun: "decode, after one run of one's own",
  decodeDeep: "slowdown at depth",
  moe: "decode, mixtures of experts",
  offload: "decode, partly on the CPU",
  cpu: "decode, CPU only (x86)",
  cpuArm: "decode, CPU only (ARM, RISC-V)",
  prefill: "prefill, on the GPU",
  offloadPrefill: "prefill, partly on the CPU",
  cpuPrefill: "prefill, CPU only",
  firstToken: "first token",
  warmTurn: "warm turn",
} as const;

const keys = [
  "decode",
  "decodeAfterOwnRun",
  "decodeDeep",
  "moe",
  "offload",
  "cpu",
  "cpuArm",
  "prefill",
  "offloadPrefill",
  "cpuPrefill",
  "firstToken",
  "warmTurn",
] as const;
const basisNames: Readonly<Record<Basis, string>> = {
  known: "known device",
  unseen: "new device, known family",
  strange: "new family",
  "in-sample": "in sample",
  shipped: "shipped constants",
};

const percent = (fraction: number | null) => (fraction === null ? "–" : `${(100 * fraction).toFixed(1)} %`);

function cells(figures: SpeedFigures): string[] {
  return [
    String(figures.n),
    String(figures.devices),
    percent(figures.medianAbsFraction),
    percent(figures.meanAbsFraction),
    percent(figures.p90AbsFraction),
    percent(figures.within25Fraction),
    percent(figures.biasFraction),
    percent(figures.coverageFraction),
    percent(figures.coverageByRowsFraction),
  ];
}

const heads = [
  "n",
  "devices",
  "median",
  "mean",
  "p90",
  "within 25 %",
  "bias",
  "80 % interval held, by device",
  "by row",
];

function line(name: string, texts: readonly string[]): string {
  return `${name.padEnd(52)} ${texts.map((text, column) => text.padStart(column < 2 ? 7 : 9)).join(" ")}`;
}

function familyTable({ basis, predictions }: SpeedMeasurement): string[] {
  const groups = new Map<string, (typeof predictions)[number][]>();
  for (const prediction of predictions) {
    const { observation, family, moe, setting } = prediction.point;
    const size =
      setting.model.fileBytes < 2.5e9 ? "< 2.5 GB" : setting.model.fileBytes < 12e9 ? "2.5–12 GB" : "> 12 GB";
    const recipe = /^(UD-)?(I?Q\d|F16|BF16|MXFP4)/.exec(observation.recipe)?.[2] ?? "other";
    for (const name of [
      `family ${family} ${observation.offload}`,
      `size ${size}`,
      `recipe ${recipe}`,
      `kind ${moe ? "mixture" : "dense"}`,
      `context ${prediction.point.deep ? "deep" : "short"}`,
      `offload ${observation.offload}`,
    ]) {
      const key = `${observation.task} ${name}`;
      groups.set(key, [...(groups.get(key) ?? []), prediction]);
    }
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, rows]) => line(`${basisNames[basis]} ${name}`, cells(speedFigures(rows))));
}

export function printSpeed({ measurements }: SpeedReport): void {
  console.info(
    `\n${line("speed", ["n", "devices", "median", "mean", "p90", "in 25 %", "bias", "held/dev", "held/row"])}`,
  );
  for (const measurement of measurements) {
    const section = speedSection(measurement);
    for (const key of keys) console.info(line(`${basisNames[measurement.basis]}: ${names[key]}`, cells(section[key])));
  }
  for (const measurement of measurements) for (const text of familyTable(measurement)) console.info(text);
  for (const failure of new Set(measurements.flatMap(({ failures }) => failures.map(({ reason }) => reason))))
    console.info(`FAILED speed ${failure}`);
}

/** The README's table: markdown, one row a task, the device known and left out. */
export async function speedTable(folder: string): Promise<string> {
  const { measurements } = await speedReport(folder);
  const rows = measurements
    .filter(({ basis }) => basis !== "in-sample")
    .flatMap((measurement) => {
      const section = speedSection(measurement);
      return keys
        .filter((key) => section[key].n > 0)
        .map((key) => `| ${names[key]}, ${basisNames[measurement.basis]} | ${cells(section[key]).join(" | ")} |`);
    });
  return [`| speed | ${heads.join(" | ")} |`, `|---|${heads.map(() => "--:").join("|")}|`, ...rows].join("\n");
}
