/** Models to read: the catalog's list, and one entry with its architecture. */
import { closestNames } from "../core/facts/closest.ts";
import { InputError } from "../core/facts/input-error.ts";
import { loadModelCatalog, type ModelCatalog } from "../core/sources/model-catalog.ts";
import { pageOf, type Resource, type ResourceTemplate, rankIds } from "./resource.ts";

const LIST_URI = "modelfit://catalog/models";
const ROWS_PER_PAGE = 250;

export const modelResources: readonly Resource[] = [
  {
    uri: LIST_URI,
    name: "model-catalog",
    title: "Model catalog",
    description:
      "Every model known by name, the most downloaded first: id, repository, parameters, context, licence. Pages with ?page=2.",
    read: async (page) => {
      const catalog = await loadModelCatalog();
      const rows = byDownloads(catalog).map((entry) => {
        const { parameterCount, activeParameterCount } = catalog.architectureOf(entry);
        const { id, repo, released, license, trainedContextTokens } = entry;
        return { id, repo, parameterCount, activeParameterCount, trainedContextTokens, released, license };
      });
      return { catalogDate: catalog.date, ...pageOf(LIST_URI, rows, page, ROWS_PER_PAGE) };
    },
  },
];

export const modelTemplate: ResourceTemplate = {
  prefix: `${LIST_URI}/`,
  name: "model-entry",
  title: "One model",
  description: "A model's names, licence, capabilities and dimensions, with the source of each.",
  read: async (id) => {
    const catalog = await loadModelCatalog();
    const found = catalog.find(id);
    if (found === undefined) {
      const near = catalog.closest(id, 5);
      throw new InputError(
        `The catalog has no model "${id.slice(0, 80)}". Send an id from ${LIST_URI}, e.g. ${near.join(", ") || "qwen3-8b"}.`,
      );
    }
    return { ...found.entry, architecture: catalog.architectureOf(found.entry), catalogDate: catalog.date };
  },
  complete: completeModel,
};

/** Catalog ids for what is typed, the most downloaded first. */
export async function completeModel(typed: string): Promise<readonly string[]> {
  const ids = byDownloads(await loadModelCatalog()).map(({ id }) => id);
  return rankIds(typed, ids, (wanted) => closestNames(wanted, ids, 10));
}

function byDownloads(catalog: ModelCatalog) {
  const downloads = ({ popularity }: (typeof catalog.models)[number]) => popularity?.downloadCount ?? 0;
  return [...catalog.models].sort((a, b) => downloads(b) - downloads(a));
}
