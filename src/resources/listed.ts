/** The values of `resources/list`, `resources/templates/list` and `prompts/list`; the build works them out in advance. */
import { prompts, resources, templates } from "./index.ts";
import { VIEW_MIME_TYPE, viewMeta, views } from "./views.ts";

const mimeType = "application/json";

export const listed = {
  resources: [
    ...resources.map(({ uri, name, title, description }) => ({ uri, name, title, description, mimeType })),
    ...views.map(({ uri, name, title, description }) => {
      return { uri, name, title, description, mimeType: VIEW_MIME_TYPE, _meta: viewMeta };
    }),
  ],
  view: { mimeType: VIEW_MIME_TYPE, _meta: viewMeta },
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
