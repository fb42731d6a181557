/** Runs the `llama-bench` of the PATH, where there is one, on the two models of noise. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fraction } from "../../units.ts";
import type { World } from "../world.ts";
import { engineConstants } from "./engine-constants.ts";
import { writeNoiseModel } from "./gguf-writer.ts";
import { type BenchRow, parseLlamaBench } from "./llama-bench.ts";
import { MOST_NOISE } from "./measured.ts";
import { busyFraction } from "./neighbours.ts";
import type { EngineRun } from "./record.ts";
import { tinyModels } from "./tiny-models.ts";

/** A slow board needs 20 s for the longest of them; what takes longer would not be worth the user's wait. */
const RUN_MS = 120_000;
/** After this no further run is begun. */
const BUDGET_MS = 60_000;

/** A desktop that does nothing is busy by a few percent. */
const QUIET: Fraction = 0.1;

export interface EngineOptions {
  /** where the models are written and deleted again, 320 MB */
  readonly scratch?: string;
  /** how busy other programs keep the processors */
  readonly busy?: (signal: AbortSignal) => Promise<Fraction>;
}

export interface MeasuredEngine {
  readonly run: EngineRun | undefined;
  readonly warnings: readonly string[];
}

interface BenchStep {
  readonly model: 0 | 1;
  readonly what: string;
  readonly args: readonly string[];
}

/** Short runs, several times: the first two give the constants, the others refine them. One device, all layers on it. */
const steps: readonly BenchStep[] = [
  { model: 0, what: "decode of a dense model", args: ["-p", "0", "-n", "24", "-r", "5"] },
  { model: 1, what: "decode of a mixture of experts", args: ["-p", "0", "-n", "48", "-r", "5"] },
  {
    model: 0,
    what: "prefill by micro-batch",
    args: ["-p", "256", "-n", "0", "-b", "512", "-ub", "32,128,256", "-r", "3"],
  },
  { model: 0, what: "decode at depth", args: ["-p", "0", "-n", "16", "-d", "1024", "-r", "3"] },
];

/**
 * Throws the signal's reason when cancelled; everything else that goes wrong is a warning.
 */
export async function measureEngine(
  world: World,
  signal: AbortSignal,
  progress: (done: number, message: string) => void,
  { scratch = tmpdir(), busy = busyFraction }: EngineOptions = {},
): Promise<MeasuredEngine> {
  const found = await world.exec("llama-bench", ["--help"], { timeoutMs: 15_000, signal });
  signal.throwIfAborted();
  if (found.outcome === "not-found") return { run: undefined, warnings: [] };
  if (found.outcome === "timed-out")
    return {
      run: undefined,
      warnings: ["llama-bench was found but did not answer within 15 s: the engine was not measured."],
    };
  const folder = await mkdtemp(join(scratch, "modelfit-"));
  try {
    const paths = tinyModels.map(({ name }) => join(folder, `${name}.gguf`));
    for (const [i, path] of paths.entries())
      await writeNoiseModel(path, (tinyModels[i] ?? tinyModels[0]).model, signal);
    // threads that wait for one another lose far more than the time that a neighbour takes, all of them alike: only its load shows it
    const before = await busy(signal);
    const { rows, warnings } = await runSteps(world, paths, signal, progress);
    const load = Math.max(before, await busy(signal));
    const run = engineConstants(tinyModels[0], tinyModels[1], rows[0], rows[1], load > QUIET ? load : 0);
    if (run !== undefined && run.decodeBytesPerSecond.noiseFraction > MOST_NOISE) {
      const noise = Math.round(run.decodeBytesPerSecond.noiseFraction * 100);
      warnings.push(
        `llama-bench's figures are uncertain by ${noise} %: other programs were using the machine. They are kept and not used.`,
      );
    }
    return { run, warnings };
  } catch (error) {
    signal.throwIfAborted();
    return {
      run: undefined,
      warnings: [
        `The engine was not measured: ${error instanceof Error ? error.message.slice(0, 300) : "unknown error"}`,
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

async function runSteps(
  world: World,
  paths: readonly string[],
  signal: AbortSignal,
  progress: (done: number, message: string) => void,
): Promise<{ readonly rows: readonly [BenchRow[], BenchRow[]]; readonly warnings: string[] }> {
  const rows: [BenchRow[], BenchRow[]] = [[], []];
  const warnings: string[] = [];
  const begin = world.now();
  for (const [i, step] of steps.entries()) {
    progress(i / steps.length, `llama-bench: ${step.what}`);
    if (world.now() - begin > BUDGET_MS) {
      warnings.push(
        `llama-bench was slow here: ${steps
          .slice(i)
          .map(({ what }) => what)
          .join(", ")} not measured.`,
      );
      break;
    }
    const args = ["-m", paths[step.model] ?? "", "-ngl", "99", "-sm", "none", "-o", "json", ...step.args];
    const result = await world.exec("llama-bench", args, { timeoutMs: RUN_MS, signal });
    signal.throwIfAborted();
    const read = result.outcome === "not-found" ? [] : parseLlamaBench(result.stdout);
    rows[step.model].push(...read);
    if (result.outcome === "exited" && result.exitCode !== 0)
      warnings.push(`llama-bench failed at the ${step.what} (exit ${result.exitCode}): ${lastLine(result.stderr)}`);
    else if (result.outcome === "timed-out")
      warnings.push(`llama-bench needed more than ${RUN_MS / 1000} s for the ${step.what} and was stopped.`);
    else if (read.length === 0) warnings.push(`llama-bench printed nothing readable for the ${step.what}.`);
    // without the first number the others mean nothing
    if (i === 0 && read.length === 0) break;
  }
  return { rows, warnings };
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1)?.slice(0, 200) ?? "";
