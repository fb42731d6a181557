/** `catalog refresh`: what the Hub knows beyond the catalog, into the user's own data folder. */
import { InputError } from "../core/facts/input-error.ts";
import type { RefreshReport } from "../core/sources/refresh.ts";
import type { World } from "../core/sources/world.ts";
import { readWords } from "./options.ts";

/** Prints what was found; the exit code is 0. Throws InputError for anything but `refresh`, and when there is no network. */
export async function runCatalog(world: World, argv: readonly string[]): Promise<number> {
  const { options, words } = readWords(argv, (name) => name === "json");
  const unknown = [...options.keys()].find((name) => name !== "json" && name !== "author");
  if (unknown !== undefined || words[0] !== "refresh" || words.length > 1)
    throw new InputError(
      `"${unknown === undefined ? words.join(" ") : `--${unknown}`}" is not understood. Send catalog refresh, with --author NAME for some makers only and --json for data.`,
    );
  if (world.env["HF_HUB_OFFLINE"] === "1")
    throw new InputError("The network is forbidden by --offline or HF_HUB_OFFLINE. Send catalog refresh without it.");
  const { refreshCatalog } = await import("../core/sources/refresh.ts");
  const authors = options.get("author");
  const report = await refreshCatalog(world, {
    ...(authors === undefined ? {} : { authors }),
    onProgress: ({ doneCount, totalCount, step }) => {
      if (process.stderr.isTTY) process.stderr.write(`${doneCount + 1} of ${totalCount}: ${step}\n`);
    },
  });
  process.stdout.write(options.has("json") ? `${JSON.stringify(report)}\n` : `${reportLines(report).join("\n")}\n`);
  return 0;
}

export function reportLines(report: RefreshReport): readonly string[] {
  const { newModels, leftOut, popularityCount, ggufRepoCount, resumedCount, path } = report;
  return [
    `${newModels.length} new models, ${ggufRepoCount} further repositories of quantized files, popularity of ${popularityCount} models.`,
    ...(newModels.length === 0 ? [] : [`New: ${newModels.join(", ")}`]),
    ...leftOut.map(({ repo, reason }) => `Left out: ${repo}: ${reason}`),
    ...(resumedCount === 0 ? [] : [`${resumedCount} makers were taken over from a run of the last day.`]),
    `Kept in ${path}; delete it to go back to the catalog of this release.`,
  ];
}
