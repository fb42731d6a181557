/** What a case expects, as its file states it: facts by name, and sentences that a named test stands for. */
import * as z from "zod";

const number = z.number().nullish().catch(undefined);
const text = z.string().nullish().catch(undefined);
const boolean = z.boolean().nullish().catch(undefined);

const gpu = z.looseObject({
  name: text,
  canonical: text,
  vendor: text,
  vram_bytes: number,
  unified: boolean,
  compute_capability: text,
  gfx: text,
  pci: text,
  pci_device: text,
  gpu_cores: number,
  mig: boolean,
  carveout_bytes: number,
  gtt_bytes: number,
  backend_total_bytes: number,
  shared_total_bytes: number,
  free_bytes: number,
});

export const expectation = z.looseObject({
  gpu_count: number,
  gpus: z.array(gpu).optional(),
  status: text,
  memory_total_bytes: z.number().optional().catch(undefined),
  memory_available_bytes: number,
  physical_ram_bytes: z.number().optional().catch(undefined),
  wsl: boolean,
  must: z.union([z.string(), z.array(z.string())]).optional(),
  must_not: z.union([z.string(), z.array(z.string())]).optional(),
});

export type Expectation = z.output<typeof expectation>;
export type ExpectedGpu = z.output<typeof gpu>;

/** The sentences, each with whether it forbids. */
export function sentencesOf({ must, must_not: mustNot }: Expectation): readonly string[] {
  return [must, mustNot].flatMap((part) => part ?? []);
}
