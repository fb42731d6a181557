/** The resources and prompts, in the order clients list them, and how an address finds its reader. */
import { InputError } from "../core/facts/input-error.ts";
import { hardwareResources, hardwareTemplate } from "./hardware.ts";
import { modelResources, modelTemplate } from "./models.ts";
import { prompts } from "./prompts.ts";
import type { Resource, ResourceContext, ResourceTemplate } from "./resource.ts";
import { views } from "./views.ts";

export { prompts };
export const resources: readonly Resource[] = [...hardwareResources, ...modelResources];
export const templates: readonly ResourceTemplate[] = [hardwareTemplate, modelTemplate];

export type Reading =
  | { readonly outcome: "found"; readonly document: object }
  | { readonly outcome: "page"; readonly html: string }
  | { readonly outcome: "not-found"; readonly reason: string };

/** Reads a resource by its address; ids may be percent-encoded, lists take `?page=`. */
export async function readResource(uri: string, context: ResourceContext): Promise<Reading> {
  const [address = "", query = ""] = uri.split("?", 2);
  const view = views.find((candidate) => candidate.uri === uri);
  if (view !== undefined) return { outcome: "page", html: view.html };
  const fixed = resources.find((resource) => resource.uri === address);
  try {
    if (fixed !== undefined) {
      const page = Number(new URLSearchParams(query).get("page") ?? "1");
      if (!Number.isInteger(page) || page < 1)
        return { outcome: "not-found", reason: `There is no such page of ${address}. Send ?page=1.` };
      return { outcome: "found", document: await fixed.read(page, context) };
    }
    const template = templates.find(({ prefix }) => address.startsWith(prefix) && address.length > prefix.length);
    if (template === undefined) {
      return {
        outcome: "not-found",
        reason: `There is no ${uri.slice(0, 200)}. Send one of: ${resources.map((resource) => resource.uri).join(", ")}.`,
      };
    }
    return { outcome: "found", document: await template.read(decoded(address.slice(template.prefix.length)), context) };
  } catch (error) {
    if (error instanceof InputError) return { outcome: "not-found", reason: error.message };
    throw error;
  }
}

/** Completions of a template's id or a prompt's argument; `owner` is the template's address or the prompt's name. */
export async function complete(owner: string, argument: string, typed: string): Promise<readonly string[]> {
  const template = templates.find(({ prefix }) => owner === `${prefix}{id}`);
  if (template !== undefined && argument === "id") return template.complete(decoded(typed));
  const found = prompts.find(({ name }) => name === owner)?.arguments.find(({ name }) => name === argument);
  return found === undefined ? [] : found.complete(typed);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new InputError(`"${text.slice(0, 80)}" is not a readable address. Send it percent-encoded.`);
  }
}
