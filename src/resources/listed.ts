/** The values of `resources/list`, `resources/templates/list` and `prompts/list`; the build works them out in advance. */
import { prompts, resources, templates } from "./index.ts";

const mimeType = "application/json";

export const listed = {
  resources: resources.map(({ uri, name, title, description }) => ({ uri, name, title, description, mimeType })),
  resourceTemplates: templates.map(({ prefix, name, title, description }) => ({
    uriTemplate: `${prefix}{id}`,
    name,
    title,
    description,
    mimeType,
  })),
  prompts: prompts.map((prompt) => ({
    name: prompt.name,
    title: prompt.title,
    description: prompt.description,
    arguments: prompt.arguments.map(({ name, description, required }) => ({ name, description, required })),
  })),
};
