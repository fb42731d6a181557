/** What this machine has. */
import type { z } from "zod";
import { probeHardwareInput, probeHardwareOutput } from "./schemas/probe-hardware.ts";
import type { Tool } from "./tool.ts";

export const probeHardware: Tool<typeof probeHardwareInput, typeof probeHardwareOutput> = {
  name: "probe_hardware",
  title: "What hardware is here?",
  description:
    "Look at this machine: GPUs with usable memory and bandwidth, RAM, CPU, disks, inference engines and installed models, each value with its evidence. Call first when planning for the local machine.",
  input: probeHardwareInput,
  output: probeHardwareOutput,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  run: async (args, context): Promise<z.input<typeof probeHardwareOutput>> =>
    (await import("../answers/probe.ts")).probeAnswer(args, context),
};
