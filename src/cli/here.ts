/** The main job for a person: what is this machine, which models suit it, and how is the best one started. */
import { InputError } from "../core/facts/input-error.ts";
import type { World } from "../core/sources/world.ts";
import { readArguments } from "../tools/arguments.ts";
import { planConfig } from "../tools/plan-config.ts";
import { probeHardware } from "../tools/probe-hardware.ts";
import { rankModels } from "../tools/rank-models.ts";
import { clientConfiguration } from "./client-configuration.ts";
import { readWords } from "./options.ts";
import { quantity, wrap } from "./print.ts";
import { shellContext } from "./shell.ts";

const known: ReadonlySet<string> = new Set(["use-case", "hardware", "limit", "json"]);
const SHOWN_COUNT = 5;
const COLUMNS = 100;

type Ranking = Awaited<ReturnType<typeof rankModels.run>>;
type Plan = Awaited<ReturnType<typeof planConfig.run>>;

/** Prints the answer; the exit code is 0, or 2 for what the caller can fix. `programPath`: the script that clients would start. */
export async function runHere(world: World, argv: readonly string[], programPath: string): Promise<number> {
  const { options, words } = readWords(argv, (name) => name === "json");
  const unknown = [...options.keys()].find((name) => !known.has(name)) ?? words[0];
  if (unknown !== undefined)
    throw new InputError(
      `"${unknown}" is not understood. Send only: ${[...known].map((name) => `--${name}`).join(", ")}.`,
    );
  const context = shellContext(world, []);
  const useCase = options.get("use-case")?.at(-1);
  const hardware = options.get("hardware")?.at(-1);
  const where = { ...(hardware === undefined ? {} : { hardware }), ...(useCase === undefined ? {} : { useCase }) };

  const machine = hardware === undefined ? await probeHardware.run({}, context) : undefined;
  const limit = options.get("limit")?.at(-1) ?? SHOWN_COUNT;
  const ranking = await rankModels.run(readArguments(rankModels.input, { ...where, limit }), context);
  const best = ranking.models[0];
  const plan =
    best === undefined
      ? undefined
      : await planConfig.run(readArguments(planConfig.input, { ...where, model: best.id }), context);

  if (options.has("json")) {
    process.stdout.write(`${JSON.stringify({ machine, ranking, plan })}\n`);
    return 0;
  }
  const parts = [
    ...wrap(machine?.summary ?? `Hardware: ${ranking.hardware.name}`, COLUMNS),
    ...(machine?.warnings.flatMap((warning) => wrap(`Note: ${warning}`, COLUMNS)) ?? []),
    "",
    ...rankingLines(ranking, useCase ?? "general"),
    ...(plan === undefined ? [] : ["", ...planLines(plan)]),
    "",
    ...(await clientConfiguration(world, programPath)),
  ];
  process.stdout.write(`${parts.join("\n")}\n`);
  return 0;
}

function rankingLines(ranking: Ranking, useCase: string): readonly string[] {
  if (ranking.models.length === 0) return [ranking.summary];
  const heading = ["", "model", "recipe", "memory", "speed", "context", "runs on"];
  const rows = ranking.models.map((model) => [
    `${model.rank}.`,
    model.id,
    model.recipe,
    quantity("memoryBytes", model.memoryBytes),
    model.decodeTokensPerSecond === undefined
      ? "-"
      : quantity("decodeTokensPerSecond", model.decodeTokensPerSecond.mid),
    String(model.contextTokens),
    model.runMode,
  ]);
  const widths = heading.map((_, column) => Math.max(...[heading, ...rows].map((row) => row[column]?.length ?? 0)));
  const table = [heading, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [`Best models for ${useCase} use here (${ranking.consideredCount} considered):`, ...table];
}

function planLines(plan: Plan): readonly string[] {
  const commands = plan.commands.flatMap(({ step, command, note }) => [
    ...wrap(`${step}${note === undefined ? "" : `: ${note}`}`, COLUMNS - 4).map((line) => `  # ${line}`),
    ...command.split("\n").map((line) => `  ${line}`),
  ]);
  return ["To run the first:", ...wrap(plan.summary, COLUMNS - 2).map((line) => `  ${line}`), ...commands];
}
