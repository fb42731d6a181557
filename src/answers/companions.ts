/** `-md`, `-mm` and `--spec-type` of a run: found, sized, or refused with what to send; nothing that was said is left out. */

import { type Candidate, memoryDevicesOf } from "../core/decide/candidate.ts";
import type { ModelQuestion } from "../core/decide/choose.ts";
import { type Companion, companionBytes, draftModel, predictionLayers } from "../core/estimate/companions.ts";
import type { Hardware } from "../core/facts/hardware.ts";
import { InputError } from "../core/facts/input-error.ts";
import type { Model } from "../core/facts/model.ts";
import { HOST } from "../core/facts/placement.ts";
import type { Run } from "../core/facts/run.ts";
import type { ParsedRun } from "../core/sources/run-string.ts";
import type { AnswerContext } from "./gather.ts";
import { gatherModel } from "./model.ts";

export interface Gathered {
  readonly draft: Model | undefined;
  readonly projectorBytes: number | undefined;
  readonly predicts: boolean;
  readonly notes: readonly string[];
}

/** Speculation by text already written: tables of a few MB, no model. */
const withoutModel = /^ngram-/;

/** @throws InputError where a size cannot be known */
export async function gatherCompanions(parsed: ParsedRun, context: AnswerContext): Promise<Gathered> {
  const notes: string[] = [];
  const kinds = parsed.speculation;
  const known = /^(draft-(simple|eagle3|mtp|dflash|dspark)|ngram-(simple|map-k|map-k4v|mod|cache)|draft|mtp)$/;
  const unknown = kinds.find((kind) => !known.test(kind));
  if (unknown !== undefined)
    throw new InputError(
      `--spec-type ${unknown.slice(0, 40)} is no kind of speculation that llama.cpp v0.5.0 has. Send draft-simple, draft-eagle3, draft-mtp, draft-dflash, draft-dspark, ngram-simple, ngram-map-k, ngram-map-k4v, ngram-mod or ngram-cache.`,
    );
  const predicts = kinds.includes("draft-mtp") && parsed.draftModel === undefined;
  const needsDraft = kinds.find((kind) => !withoutModel.test(kind) && kind !== "draft-mtp");
  if (needsDraft !== undefined && parsed.draftModel === undefined)
    throw new InputError(
      `--spec-type ${needsDraft} loads a draft model, and none is named. Send -md with its file or a catalog model, e.g. -md qwen3-0.6b:Q8_0.`,
    );
  if (kinds.some((kind) => withoutModel.test(kind)))
    notes.push("N-gram speculation keeps tables of what was written; they are small and not counted.");
  const draft = parsed.draftModel === undefined ? undefined : await draftOf(parsed.draftModel, context);
  const projectorBytes = parsed.projector === undefined ? undefined : await projectorSize(parsed.projector, context);
  if (projectorBytes !== undefined)
    notes.push(
      "The projector is counted by its file; the work buffer of its encoder, which grows with the image, is not.",
    );
  if (draft ?? predicts)
    notes.push("Speeds are without speculation: what it gains depends on how much of the draft is accepted.");
  return { draft, projectorBytes, predicts, notes };
}

/** For answers that size the model alone. @throws InputError where the run loads more */
export function refuseCompanions({ draftModel: draft, projector, speculation }: ParsedRun): void {
  const flag =
    draft !== undefined ? "-md" : projector !== undefined ? "-mm" : speculation.length > 0 ? "--spec-type" : undefined;
  if (flag === undefined) return;
  throw new InputError(
    `${flag} is sized by fit_model only, whose memory.extras says what it takes. Leave it out here and add that to marginMiB.`,
  );
}

async function draftOf(reference: string, context: AnswerContext): Promise<Model> {
  const choice = await gatherModel(reference, context);
  const [only, other] = choice.variants;
  if (!only || other)
    throw new InputError(
      `The draft model ${reference.slice(0, 80)} leaves its recipe open, so its size is not known. Send it with one, e.g. -md ${reference.slice(0, 80)}:Q8_0.`,
    );
  return only.model();
}

async function projectorSize(path: string, { world, remote }: AnswerContext): Promise<number> {
  const facts = remote === true ? undefined : await world.stat(path);
  if (facts !== undefined && facts.sizeBytes > 0) return facts.sizeBytes;
  throw new InputError(
    `The projector ${path.slice(0, 100)} is no file on this machine, so its size is not known. Send -mm with the path of its GGUF file, or leave it out and keep a margin with marginMiB.`,
  );
}

/** @throws InputError where prediction layers are asked for that the file has not */
export function companionsOf(gathered: Gathered, candidate: Candidate): Companion[] {
  const { model, run, hardware, memory } = candidate;
  return companionRows(gathered, model, run, hardware, memory);
}

function companionRows(
  { draft, projectorBytes, predicts }: Gathered,
  model: Model,
  run: Run,
  hardware: Hardware,
  memory: Candidate["memory"],
): Companion[] {
  const places = memoryDevicesOf(hardware);
  if (predicts && (model.hyper.nextnLayerCount === 0 || !storesPrediction(model)))
    throw new InputError(
      `--spec-type draft-mtp needs prediction layers, and ${model.name} as known here has none. Send a GGUF file that stores them, or leave --spec-type out.`,
    );
  return [
    ...(predicts ? predictionLayers(model, run, memory, places) : []),
    ...(draft ? draftModel(draft, run, places) : []),
    ...(projectorBytes === undefined
      ? []
      : [
          {
            name: "projector",
            device: places.length > 0 ? 0 : HOST,
            modelBytes: projectorBytes,
            contextBytes: 0,
            computeBytes: 0,
          },
        ]),
  ];
}

function storesPrediction({ hyper, tensors }: Model): boolean {
  const first = hyper.layers.find(({ nextn }) => nextn)?.index;
  return first !== undefined && tensors.some(({ name }) => name.startsWith(`blk.${first}.`));
}

/** The question with less room: what companions take is nobody else's. */
export function besideCompanions(ask: ModelQuestion, rows: readonly Companion[]): ModelQuestion {
  if (rows.length === 0) return ask;
  const taken = companionBytes(rows, ask.hardware.devices.length);
  const limits = { ...ask.question.limits, takenBytes: taken.devices, hostTakenBytes: taken.host };
  return { ...ask, question: { ...ask.question, limits } };
}

export function shapeCompanions(rows: readonly Companion[], hardware: Hardware) {
  return rows.map(({ name, device, modelBytes, contextBytes, computeBytes }) => ({
    name,
    device: device === HOST ? "host" : (hardware.devices[device]?.name ?? `device ${device}`),
    modelBytes,
    contextBytes,
    computeBytes,
    totalBytes: modelBytes + contextBytes + computeBytes,
  }));
}
