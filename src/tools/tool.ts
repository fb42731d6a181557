/**
 * A tool is a record: name, words for the model, schemas, handler. Nothing registers itself; `index.ts` is the list.
 * `adapter.ts` turns records into MCP tools and maps their errors.
 */
import type * as z from "zod";
import type { World } from "../core/sources/world.ts";

export interface ToolContext {
  readonly world: World;
  readonly signal: AbortSignal;
  /** reports progress when the caller asked for it; `total` undefined = unknown */
  readonly progress: (done: number, total: number | undefined, message: string) => void;
  /** adds a resource (a chart) beside the structured answer */
  readonly attach: (attachment: Attachment) => void;
  /** true for callers over the network: no measuring, no paths outside the allowed roots */
  readonly remote: boolean;
}

export interface Attachment {
  readonly uri: string;
  readonly mimeType: string;
  readonly text: string;
}

export interface ToolAnnotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly annotations: ToolAnnotations;
  /** address of a page that hosts with a screen show beside the answer (MCP Apps) */
  readonly view?: string;
  /** gather → decide → present; throws InputError for what the caller can fix */
  run(args: z.output<Input>, context: ToolContext): Promise<z.input<Output>>;
}
