/** `probe_hardware`: this machine. */
import { InputError } from "../core/facts/input-error.ts";
import { measurementText } from "../core/present/measurement.ts";
import { probeSummary, shapeProbe } from "../core/present/probe.ts";
import { machineOf, withStoredMeasurement } from "../core/sources/measure/measured-probe.ts";
import { probe } from "../core/sources/probe/probe.ts";
import type { ProbeResult } from "../core/sources/probe/result.ts";
import type { AnswerContext, Optional } from "./gather.ts";

export interface ProbeArguments {
  readonly refresh: boolean;
  readonly measure: boolean;
  readonly detail: "concise" | "detailed";
}

export async function probeAnswer(args: Optional<ProbeArguments>, context: AnswerContext) {
  if (args.measure && context.remote)
    throw new InputError(
      "Measuring is not offered over the network. Leave `measure` out, or run the server on the machine itself.",
    );
  const probed = await probe(context.world, context.signal, { refresh: args.refresh === true });
  const measured = args.measure ? await measure(probed, context) : undefined;
  const result = await withStoredMeasurement(context.world, probed);
  const shaped = shapeProbe(result, args.detail === "detailed");
  if (measured === undefined) return { summary: probeSummary(result), ...shaped };
  const { measurement, path } = measured;
  return {
    summary: `${probeSummary(result)} ${measurementText(measurement, path)}`,
    ...shaped,
    warnings: [...shaped.warnings, ...measurement.warnings],
  };
}

async function measure(probed: ProbeResult, { world, signal, progress }: AnswerContext) {
  const { measureMachine } = await import("../core/sources/measure/machine.ts");
  const largest = [...probed.installedModels].sort((a, b) => b.fileBytes - a.fileBytes)[0];
  const host = { ...machineOf(probed.host), ramAvailableBytes: probed.host.ramAvailableBytes.value };
  return measureMachine(
    world,
    { host, modelPath: largest?.path },
    signal ?? new AbortController().signal,
    progress ?? (() => {}),
  );
}
