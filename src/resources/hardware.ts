/** Hardware to read: this machine, the catalog's list, and one entry with the models that suit it best. */
import { closestNames } from "../core/facts/closest.ts";
import { InputError } from "../core/facts/input-error.ts";
import { type HardwareCatalog, type HardwareEntry, loadHardwareCatalog } from "../core/sources/hardware-catalog.ts";
import { probeHardware } from "../tools/probe-hardware.ts";
import { rankModels } from "../tools/rank-models.ts";
import { useCases } from "../tools/schemas/words.ts";
import { pageOf, type Resource, type ResourceContext, type ResourceTemplate, rankIds } from "./resource.ts";

const LIST_URI = "modelfit://catalog/hardware";
const ROWS_PER_PAGE = 250;
const TOP_COUNT = 3;

export const hardwareResources: readonly Resource[] = [
  {
    uri: "modelfit://hardware/local",
    name: "local-hardware",
    title: "This machine",
    description: "What was found here: CPU, RAM, GPUs, engines, models; each value with its evidence.",
    read: async (_page, context) => probeHardware.run({}, toolContext(context)),
  },
  {
    uri: LIST_URI,
    name: "hardware-catalog",
    title: "Hardware catalog",
    description: "Every GPU, unified-memory machine and CPU known by name: id, memory, bandwidth. Pages with ?page=2.",
    read: async (page) => {
      const { entries } = await loadHardwareCatalog();
      return pageOf(
        LIST_URI,
        entries.map(({ row }) => ({
          id: row.id,
          name: row.name,
          memoryGiB: row.memoryGiB,
          bandwidthGBps: row.bandwidthGBps,
        })),
        page,
        ROWS_PER_PAGE,
      );
    },
  },
];

export const hardwareTemplate: ResourceTemplate = {
  prefix: `${LIST_URI}/`,
  name: "hardware-entry",
  title: "One device",
  description: "A device's figures with their source, and the models that suit it best for each use case.",
  read: async (id, context) => {
    const { row } = entryFor(await loadHardwareCatalog(), id);
    const topModels: { useCase: string; models: object[] }[] = [];
    let catalogDate: string | undefined;
    for (const useCase of useCases) {
      const ranked = await rankModels.run({ hardware: row.id, useCase, limit: TOP_COUNT }, toolContext(context));
      catalogDate = ranked.catalogDate;
      const models = ranked.models.map(({ id, recipe, contextTokens, memoryBytes, decodeTokensPerSecond, score }) => {
        return { id, recipe, contextTokens, memoryBytes, decodeTokensPerSecond, score };
      });
      topModels.push({ useCase, models });
    }
    return { ...row, topModels, catalogDate };
  },
  complete: completeHardware,
};

/** Ids for what is typed; behind a ` + ` or a count, for its last device. */
export async function completeHardware(typed: string): Promise<readonly string[]> {
  const { ids } = await loadHardwareCatalog();
  const [, before = "", last = ""] = /^(.*?(?:\+\s*)?(?:\d+x\s+)?)([^+]*)$/.exec(typed) ?? [];
  return rankIds(last, ids, (wanted) => closestNames(wanted, ids, 10)).map((id) => before + id);
}

function entryFor(catalog: HardwareCatalog, id: string): HardwareEntry {
  const entry = catalog.byId(id.toLowerCase()) ?? catalog.named(id)[0];
  if (entry !== undefined) return entry;
  const near = closestNames(id, catalog.ids, 5);
  throw new InputError(
    `The catalog has no hardware "${id.slice(0, 80)}". Send an id from ${LIST_URI}, e.g. ${near.join(", ") || "rtx-4090"}.`,
  );
}

function toolContext({ world, signal, remote }: ResourceContext) {
  return { world, signal, remote, progress: () => {}, attach: () => {} };
}
