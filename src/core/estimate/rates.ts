/** What a device offers to the speed model, and how well its constants are known. */
import type { Calibration } from "../facts/calibration.ts";
import type { Backend, Device } from "../facts/hardware.ts";
import type { TensorType } from "../facts/tensor-type.ts";
import type { BytesPerSecond, FlopsPerSecond } from "../units.ts";

/** A: this device was measured on this backend; C: another device of its family was; D: neither. */
export type EvidenceLevel = "A" | "C" | "D";

export interface DeviceRates {
  /** catalog id: the key of the device's own constants */
  readonly device: string;
  readonly name: string;
  readonly family: string;
  readonly vendor: string;
  readonly backend: Backend;
  readonly bandwidthBytesPerSecond: BytesPerSecond;
  /** vector units: what unpacking quantized weights runs on */
  readonly vectorFlopsPerSecond: FlopsPerSecond;
  /** matrix units: dense fp16 with fp16 accumulate, at least fp32 */
  readonly peakFlopsPerSecond: FlopsPerSecond;
  readonly flopsPerWatt?: number | undefined;
}

/** Families whose data sheets count each FP32 unit twice; unpacking sees half of it. */
const doubledFp32 = /^(nvidia-(ada|ampere|hopper)|amd-(rdna3|rdna4|strix-halo|apu))/;

/** fp16 : fp32 and fp16 per byte of bandwidth where the data sheet is silent (median of the catalog's devices of that backend). */
const assumedRatios: Readonly<
  Partial<Record<Backend, { readonly fp16PerFp32: number; readonly fp16PerByte: number }>>
> = {
  cuda: { fp16PerFp32: 4, fp16PerByte: 150 },
  metal: { fp16PerFp32: 1, fp16PerByte: 33 },
};
const otherRatios = { fp16PerFp32: 2, fp16PerByte: 60 };

/** The vendor's key in the constants. */
function vendorKey(vendor: string, name: string): string {
  const text = `${vendor} ${name}`.toLowerCase();
  if (/nvidia|tesla|geforce/.test(text)) return "nv";
  if (/amd|radeon|instinct/.test(text)) return "amd";
  if (text.includes("apple")) return "apple";
  return text.includes("intel") ? "intel" : "oth";
}

/** A device's rates; what the catalog lacks is derived from the ratio usual on its backend. */
export function ratesOf(device: Device): DeviceRates {
  const ratios = assumedRatios[device.backend] ?? otherRatios;
  const bandwidth = device.bandwidthBytesPerSecond.value;
  const fp16 =
    device.fp16FlopsPerSecond?.value ??
    (device.fp32FlopsPerSecond ? device.fp32FlopsPerSecond.value * ratios.fp16PerFp32 : bandwidth * ratios.fp16PerByte);
  const fp32 = device.fp32FlopsPerSecond?.value ?? fp16 / ratios.fp16PerFp32;
  const family = device.family ?? "";
  // where fp32 is only derived, its doubling is not known either: the ratio stands for the sheet's number
  const halved = doubledFp32.test(family) || (family === "" && device.backend === "cuda");
  return {
    device: device.id,
    name: device.name,
    family,
    vendor: vendorKey(device.vendor, device.name),
    backend: device.backend,
    bandwidthBytesPerSecond: bandwidth,
    vectorFlopsPerSecond: halved ? fp32 / 2 : fp32,
    peakFlopsPerSecond: Math.max(fp16, fp32),
    flopsPerWatt: device.powerWatts === undefined ? undefined : fp32 / device.powerWatts,
  };
}

/** Least number of configurations before a family's own constants are trusted. */
const FAMILY_ROWS = 5;

export function evidenceLevel(rates: DeviceRates, calibration: Calibration): EvidenceLevel {
  if (calibration.decode[`eta|dev|${rates.device}|${rates.backend}`]) return "A";
  return (calibration.decode[`eta|fam|${rates.family}|${rates.backend}`]?.n ?? 0) >= FAMILY_ROWS ? "C" : "D";
}

/** Class of a storage type in the fitted constants. */
export function typeClass(type: TensorType): string {
  if (type === "f32" || type === "f16" || type === "bf16") return "f16";
  if (type === "q8_0") return "q8";
  if (/^(iq[12]|tq|q[12]_0)/.test(type)) return "iq12";
  if (type.startsWith("iq3")) return "iq3";
  if (type.startsWith("iq4")) return "iq4";
  if (/^(q[45]_[01]|mxfp4|nvfp4)$/.test(type)) return "q4";
  if (type === "q2_K" || type === "q3_K") return "qk23";
  return type === "q5_K" || type === "q6_K" ? "q56" : "q4k";
}
