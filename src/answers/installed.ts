/** Which catalog models are on this machine, by entry; nothing for callers over the network. */
import type { ModelEntry } from "../core/facts/catalog-model.ts";
import type { InstalledModel } from "../core/sources/installed.ts";
import type { ModelCatalog } from "../core/sources/model-catalog.ts";
import type { AnswerContext } from "./gather.ts";

export type Installed = ReadonlyMap<ModelEntry, readonly InstalledModel[]>;

export async function loadInstalled(catalog: ModelCatalog, context: AnswerContext): Promise<Installed> {
  const found = new Map<ModelEntry, InstalledModel[]>();
  if (context.remote) return found;
  const [{ installedModels }, { entryOfInstalled }] = await Promise.all([
    import("../core/sources/installed.ts"),
    import("../core/sources/model-identity.ts"),
  ]);
  for (const model of await installedModels(context.world)) {
    const entry = entryOfInstalled(catalog, model);
    if (!entry) continue;
    const list = found.get(entry);
    if (list) list.push(model);
    else found.set(entry, [model]);
  }
  return found;
}
