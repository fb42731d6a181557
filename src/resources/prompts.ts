/** Prompts: the three questions people come with, as slash commands of their client. */
import { useCases } from "../tools/schemas/words.ts";
import { completeHardware } from "./hardware.ts";
import { completeModel } from "./models.ts";
import type { Prompt, PromptArgument } from "./resource.ts";

const none = async (): Promise<readonly string[]> => [];

const hardware: PromptArgument = {
  name: "hardware",
  description: "Hardware, e.g. 2x rtx-3090, ram=64GiB; leave empty for this machine",
  required: false,
  complete: completeHardware,
};
const model: PromptArgument = {
  name: "model",
  description: "Catalog id, Hub repository or GGUF path, e.g. qwen3-8b",
  required: true,
  complete: completeModel,
};
const useCase: PromptArgument = {
  name: "useCase",
  description: `What it is for: ${useCases.join(", ")}`,
  required: false,
  complete: async (typed) => useCases.filter((word) => word.startsWith(typed.trim().toLowerCase())),
};

const on = (values: Readonly<Record<string, string>>) =>
  values["hardware"] ? `on this hardware: ${values["hardware"]}` : "on this machine";

export const prompts: readonly Prompt[] = [
  {
    name: "choose_model",
    title: "Choose a model",
    description: "Find the open-weight model that suits a purpose and a machine, and say why.",
    arguments: [
      useCase,
      hardware,
      {
        name: "wish",
        description: "Anything else, e.g. apache-2.0, at least 20 tok/s",
        required: false,
        complete: none,
      },
    ],
    text: (values) =>
      `Which open-weight model should I run ${on(values)} for ${values["useCase"] || "general"} use?${values["wish"] ? ` I also want: ${values["wish"]}.` : ""}
Call rank_models${values["hardware"] ? ` with hardware "${values["hardware"]}"` : ""} and useCase "${values["useCase"] || "general"}"${values["wish"] ? `, requirements "${values["wish"]}"` : ""}. Compare the first three: quality, speed with its interval, memory, context. Recommend one and say what I give up. Then call plan_config for it and show the commands.`,
  },
  {
    name: "run_model_here",
    title: "Run a model here",
    description: "Plan one model on a machine and give the commands to start it.",
    arguments: [model, hardware],
    text: (values) =>
      `I want to run ${values["model"]} ${on(values)}.
Call plan_config with model "${values["model"]}"${values["hardware"] ? ` and hardware "${values["hardware"]}"` : ""}. Show me the commands in order, what memory and speed to expect, and the first two fallbacks. If it is not feasible, say what is missing and offer the cheapest way out.`,
  },
  {
    name: "explain_fit",
    title: "Explain a fit",
    description: "Explain in plain words why a model fits a machine or does not, and how sure the numbers are.",
    arguments: [model, hardware],
    text: (values) =>
      `Does ${values["model"]} run well ${on(values)}, and why?
Call fit_model with model "${values["model"]}"${values["hardware"] ? `, hardware "${values["hardware"]}"` : ""} and detail "detailed". Explain where the weights and the context go, what limits the speed, what would help most, and which numbers are measured, taken from a catalog or assumed.`,
  },
];

export type Instruction =
  | { readonly outcome: "found"; readonly description: string; readonly text: string }
  | { readonly outcome: "not-found"; readonly reason: string };

/** A prompt with its blanks filled in. */
export function instruct(name: string, values: Readonly<Record<string, string>>): Instruction {
  const prompt = prompts.find((candidate) => candidate.name === name);
  if (prompt === undefined) {
    const known = prompts.map((candidate) => candidate.name).join(", ");
    return { outcome: "not-found", reason: `Unknown prompt "${name.slice(0, 80)}". Send one of: ${known}.` };
  }
  const missing = prompt.arguments.find((argument) => argument.required && !values[argument.name]);
  if (missing !== undefined)
    return { outcome: "not-found", reason: `"${missing.name}" is missing. Send ${missing.description}.` };
  return { outcome: "found", description: prompt.description, text: prompt.text(values) };
}
