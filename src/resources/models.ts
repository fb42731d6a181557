/** Models to read: the catalog's list, and one entry with its architecture. */
import { closestNames } from "../core/facts/closest.ts";
import { InputError } from "../core/facts/input-error.ts";
import { loadModelCatalog, type ModelCatalog } from "../core/sources/model-catalog.ts";
import { plainText } from "../core/sources/untrusted-text.ts";
import { userCatalog } from "../core/sources/user-models.ts";
import { modelPage } from "./model-page.ts";
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
    read: async (page, { world }) => {
      const { catalog, warnings } = await userCatalog(world);
      const rows = byDownloads(catalog).map((entry) => {
        const { parameterCount, activeParameterCount } = catalog.architectureOf(entry);
        const { id, repo, released, license, trainedContextTokens } = entry;
        const licence = license === undefined ? undefined : plainText(license, 60);
        return { id, repo, parameterCount, activeParameterCount, trainedContextTokens, released, license: licence };
      });
      return {
        catalogDate: catalog.date,
        ...(warnings.length > 0 ? { warnings } : {}),
        ...pageOf(LIST_URI, rows, page, ROWS_PER_PAGE),
      };
    },
  },
];

export const modelTemplate: ResourceTemplate = {
  prefix: `${LIST_URI}/`,
  name: "model-entry",
  title: "One model",
  description:
    "A model's licence, capabilities and dimensions, its recipes in bytes, where to get it, what it needs at 8k, 32k and 128k.",
  read: async (id, { world }) => {
    const { catalog } = await userCatalog(world);
    const found = catalog.find(id);
    if (found === undefined) {
      const near = catalog.closest(id, 5);
      throw new InputError(
        `The catalog has no model "${id.slice(0, 80)}". Send an id from ${LIST_URI}, e.g. ${near.join(", ") || "qwen3-8b"}.`,
      );
    }
    return modelPage(catalog, found.entry);
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
