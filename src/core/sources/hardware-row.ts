/**
 * A row of `catalog/hardware/*.json`: one device, in the units of its data sheet so that a person can check it.
 * Strict: an unknown key or a number outside what hardware can be is an error of the catalog, never skipped.
 */
import * as z from "zod";
import { backends } from "../facts/hardware.ts";

const gibibytes = z.number().positive().max(4096);

export const hardwareRow = z.strictObject({
  /** short, lower-case, unique over all files: `rtx-4090`, `m3-max-40c` */
  id: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/),
  /** as the driver prints it; several rows may share it */
  name: z.string().min(2),
  /** what tells this row from others of the same name, for people */
  variant: z.string().optional(),
  /** further names of drivers, tools and people */
  aliases: z.array(z.string().min(1)).optional(),
  /** processors: regular expression for the model names of the platform, letter case ignored */
  modelPattern: z.string().optional(),
  vendor: z.string().min(2),
  kind: z.enum(["gpu", "unified", "cpu"]),
  form: z.enum(["desktop", "laptop", "workstation", "server", "module", "board", "soc", "apu", "cpu"]),
  architecture: z.string().optional(),
  chip: z.string().optional(),
  /** calibration family, when measurements of its kind exist or may */
  family: z.string().optional(),
  /** sizes it is sold with, ascending; empty where the machine's RAM decides */
  memoryGiB: z.array(gibibytes),
  /** after-market modifications seen in numbers */
  moddedMemoryGiB: z.array(gibibytes).optional(),
  /** what `nvidia-smi` prints as total, MiB; several with ECC on and off or over driver versions */
  driverMemoryMiB: z.array(z.number().int().positive()).optional(),
  /** what CUDA reports as total, MiB; always below the driver's */
  cudaMemoryMiB: z.array(z.number().int().positive()).optional(),
  memoryType: z.string(),
  memoryBusBits: z.number().int().positive().optional(),
  /** Gbit/s per pin */
  memoryRateGbps: z.number().positive().optional(),
  /** decimal, of all the memory together */
  bandwidthGBps: z.number().positive().max(50_000),
  /** dense FP16 with FP16 accumulate */
  fp16Tflops: z.number().positive().max(50_000).optional(),
  /** dense FP16 with FP32 accumulate, where it is less: GeForce halves it */
  fp16WithFp32AccumulateTflops: z.number().positive().max(50_000).optional(),
  fp32Tflops: z.number().positive().max(5_000).optional(),
  int8Tops: z.number().positive().max(50_000).optional(),
  computeCapability: z
    .string()
    .regex(/^\d+\.\d$/)
    .optional(),
  gfx: z.string().optional(),
  gpuCoreCount: z.number().int().positive().optional(),
  /** of the processor that comes with it; absent = x64 or a plain card */
  cpuArch: z.enum(["arm64", "riscv64"]).optional(),
  cpuCoreCount: z.number().int().positive().optional(),
  powerW: z.number().positive().optional(),
  pcieGeneration: z.number().int().min(1).max(7).optional(),
  pcieLanes: z.number().int().min(1).max(32).optional(),
  /** GPU to GPU, GB/s */
  peerLinkGBps: z.number().positive().optional(),
  releaseYear: z.number().int().min(2008).max(2030).optional(),
  /** backends of llama.cpp that drive it, the best first; empty = none does */
  backends: z.array(z.enum(backends)),
  /** `vendor:device` or `vendor:device:revision`, hexadecimal */
  pciIds: z.array(z.string().regex(/^[0-9a-f]{4}:[0-9a-f]{4}(:[0-9a-f]{2})?$/)).optional(),
  note: z.string().optional(),
  /** where the numbers come from: a key of sources.json, with `:` and the page where it has one */
  source: z.string().min(2),
  /** further sources that agree on the bandwidth within 2.5 % */
  bandwidthAgreesWith: z.array(z.string()).optional(),
  /** fields that are derived or recalled, not printed by the source */
  estimated: z.array(z.string()).optional(),
});

export type HardwareRow = z.output<typeof hardwareRow>;

export const hardwareFile = z.array(hardwareRow);
