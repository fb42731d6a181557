/** The calibration family of a device: cards whose kernels behave alike (the groups the speed constants are fitted on). */
import type { CollectedDevice } from "../hardware.ts";

const byArchitecture: readonly (readonly [RegExp, string])[] = [
  [/^Kepler/, "nvidia-kepler"],
  [/^Maxwell/, "nvidia-maxwell"],
  [/^Pascal/, "nvidia-pascal"],
  [/^Volta/, "nvidia-volta"],
  [/^Turing/, "nvidia-turing"],
  [/^Ampere/, "nvidia-ampere"],
  [/^Ada/, "nvidia-ada"],
  [/^Hopper/, "nvidia-hopper"],
  [/^Blackwell/, "nvidia-blackwell"],
  [/^GCN5\.1/, "amd-vega20"],
  [/^GCN/, "amd-gcn"],
  [/^RDNA1/, "amd-rdna1"],
  [/^RDNA2/, "amd-rdna2"],
  [/^RDNA3/, "amd-rdna3"],
  [/^RDNA4/, "amd-rdna4"],
  [/^CDNA[12]/, "amd-cdna"],
  [/^CDNA3/, "amd-cdna3"],
  [/^CDNA/, "amd-cdna4"],
  [/^Xe-HPG|^Xe2-HPG|^Xe2 \(Battlemage/, "intel-arc"],
  [/^Generation 12\.[15]/, "intel-arc"],
  [/^Xe|^Gen9|^Gen11/, "intel-igpu"],
];

export function familyOf(device: CollectedDevice): string | undefined {
  const architecture = device.architecture ?? "";
  if (device.vendor === "Apple")
    return /^Apple M(\d)/.test(architecture) ? `apple-m${architecture.replace(/\D/g, "")}` : undefined;
  if (device.name.includes("Jetson")) return "nvidia-jetson";
  if (device.name === "NVIDIA GB10") return "nvidia-gb10";
  // data-centre parts of Ampere and Blackwell differ from the graphics cards of the same name: HBM, other tensor cores
  if (architecture === "Ampere" && /^8\.0$/.test(device.compute_capability ?? "")) return "nvidia-a100";
  if (architecture.startsWith("Blackwell") && /^10\./.test(device.compute_capability ?? ""))
    return "nvidia-blackwell-data-center";
  if (device.form === "apu")
    return /^RDNA3\.5/.test(architecture) && (device.memory_bus_bits ?? 0) >= 256 ? "amd-strix-halo" : "amd-apu";
  return byArchitecture.find(([pattern]) => pattern.test(architecture))?.[1];
}
