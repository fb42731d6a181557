/**
 * Which CUDA build of an engine a card and its driver can run. Source: NVIDIA's CUDA release notes: CUDA 12 needs compute capability 5.0
 * and driver 525, CUDA 13 needs 7.5 and 580; compute capability 10 and above came with CUDA 12.8 and driver 570.
 */
import type { ProbedDevice } from "./result.ts";

const version = (text: string | undefined): number => Number(/^\d+(?:\.\d+)?/.exec(text ?? "")?.[0] ?? Number.NaN);

function noteOf({ name, computeCapability, driver }: ProbedDevice): string | undefined {
  const capability = version(computeCapability);
  const release = version(driver);
  if (capability < 5)
    return `${name} has compute capability ${computeCapability}: no CUDA 12 or 13 build of an engine runs on it; use Vulkan.`;
  if (release < 525)
    return `Driver ${driver} of ${name} is older than CUDA 12 needs (525): update it, or use a CUDA 11 or Vulkan build.`;
  if (capability >= 10 && release < 570)
    return `${name} needs driver 570 or newer and a build with CUDA 12.8 or newer; driver ${driver} is older.`;
  if (capability < 7.5)
    return `${name} has compute capability ${computeCapability}: take a CUDA 12 build of the engine, CUDA 13 left it out.`;
  return release < 580
    ? `Driver ${driver} of ${name} runs CUDA 12 builds; CUDA 13 builds need driver 580 or newer.`
    : undefined;
}

/** One note for each kind of card. */
export function cudaNotes(devices: readonly ProbedDevice[]): readonly string[] {
  const cards = devices.filter(
    ({ vendor, visible, backends }) => vendor === "NVIDIA" && visible && backends.includes("cuda"),
  );
  return [...new Set(cards.flatMap((device) => noteOf(device) ?? []))];
}
