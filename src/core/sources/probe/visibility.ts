/** Which devices the environment shows to a runtime: `CUDA_VISIBLE_DEVICES` and its relatives of each vendor, and which device files are there. */
import type { World } from "../world.ts";
import type { SightedDevice } from "./sighting.ts";

/**
 * Indices into `uuids` that a value selects, in its order; undefined = no restriction. CUDA stops at the first invalid entry;
 * an empty value, `-1`, `none`, `void` and `NoDevFiles` show none.
 */
export function visibleIndices(
  value: string | undefined,
  uuids: readonly (string | undefined)[],
): readonly number[] | undefined {
  if (value === undefined || value.trim().toLowerCase() === "all") return undefined;
  const chosen: number[] = [];
  for (const token of value.split(",").map((part) => part.trim())) {
    const index = /^\d{1,3}$/.test(token)
      ? Number(token)
      : /^(GPU|MIG)-/.test(token)
        ? uuids.findIndex((uuid) => uuid?.startsWith(token))
        : -1;
    if (index < 0 || index >= uuids.length || chosen.includes(index)) break;
    chosen.push(index);
  }
  return chosen;
}

/**
 * Indices of Level Zero or SYCL devices: `level_zero:0,1`, `*:gpu`, `opencl:gpu`, `0.1` (a tile of a card); undefined = no restriction.
 * A selector that names processors alone shows none.
 */
export function selectedIndices(value: string | undefined, count: number): readonly number[] | undefined {
  if (value === undefined || value.trim() === "") return undefined;
  const all = [...Array(count).keys()];
  const chosen = new Set<number>();
  for (const term of value
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part !== "" && !part.startsWith("!"))) {
    const devices = term.includes(":") ? (term.split(":")[1] ?? "") : term;
    for (const token of devices.split(",").map((part) => part.trim())) {
      if (token === "*" || token === "gpu") for (const index of all) chosen.add(index);
      const index = /^(\d{1,3})(?:\.(?:\d{1,3}|\*))*$/.exec(token)?.[1];
      if (index !== undefined && Number(index) < count) chosen.add(Number(index));
    }
  }
  return [...chosen].sort((a, b) => a - b);
}

/** How each vendor's runtimes are told, in the order in which they restrict. */
const RULES: readonly {
  readonly vendor: SightedDevice["vendor"];
  readonly names: readonly string[];
  readonly read: (value: string | undefined, devices: readonly SightedDevice[]) => readonly number[] | undefined;
}[] = [
  {
    vendor: "NVIDIA",
    names: ["CUDA_VISIBLE_DEVICES"],
    read: (value, devices) =>
      visibleIndices(
        value,
        devices.map(({ uuid }) => uuid),
      ),
  },
  {
    vendor: "AMD",
    names: ["ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"],
    read: (value, devices) =>
      visibleIndices(
        value,
        devices.map(({ uuid }) => uuid),
      ),
  },
  {
    vendor: "Intel",
    names: ["ZE_AFFINITY_MASK", "ONEAPI_DEVICE_SELECTOR"],
    read: (value, devices) => selectedIndices(value, devices.length),
  },
  {
    vendor: "Huawei",
    names: ["ASCEND_RT_VISIBLE_DEVICES"],
    read: (value, devices) =>
      visibleIndices(
        value,
        devices.map(() => undefined),
      ),
  },
];

/** What the environment and the device files hide, marked; the reasons for people. `devices` are in the order of their runtimes. */
export async function hideInvisible(
  world: World,
  devices: readonly SightedDevice[],
): Promise<{ readonly devices: readonly SightedDevice[]; readonly warnings: readonly string[] }> {
  const hidden = new Set<SightedDevice>();
  const warnings: string[] = [];
  for (const { vendor, names, read } of RULES) {
    let own = devices.filter((device) => device.vendor === vendor && device.visible);
    for (const name of names) {
      const chosen = read(world.env[name], own);
      if (chosen === undefined) continue;
      // each variable counts among what the one before it left
      for (const [i, device] of own.entries()) if (!chosen.includes(i)) hidden.add(device);
      if (own.length > 0 && chosen.length < own.length)
        warnings.push(
          `${name}=${(world.env[name] ?? "").slice(0, 80)} hides ${own.length - chosen.length} of ${own.length} ${vendor} devices from programs started here.`,
        );
      own = own.filter((_, i) => chosen.includes(i));
    }
  }
  warnings.push(...(await hideWithoutFiles(world, devices, hidden)), ...slurmNote(world, devices));
  return { devices: devices.map((device) => (hidden.has(device) ? { ...device, visible: false } : device)), warnings };
}

/** A container or a job sees only the cards whose device file it was given, whatever nvidia-smi lists. */
async function hideWithoutFiles(
  world: World,
  devices: readonly SightedDevice[],
  hidden: Set<SightedDevice>,
): Promise<string[]> {
  const cards = devices.filter(
    ({ vendor, minorNumber, visible }) => vendor === "NVIDIA" && minorNumber !== undefined && visible,
  );
  const files =
    cards.length === 0
      ? []
      : (await world.listDir("/dev")).flatMap(({ name }) => /^nvidia(\d+)$/.exec(name)?.[1] ?? []);
  if (files.length === 0) return [];
  const without = cards.filter(({ minorNumber }) => !files.includes(String(minorNumber)));
  for (const card of without) hidden.add(card);
  return without.length > 0
    ? [
        `${without.length} of ${cards.length} NVIDIA cards have no device file here: this container or job was not given them.`,
      ]
    : [];
}

/** SLURM numbers cards as the host does; inside the job CUDA counts from 0 again. */
function slurmNote(world: World, devices: readonly SightedDevice[]): string[] {
  const granted = (world.env["SLURM_STEP_GPUS"] ?? world.env["SLURM_JOB_GPUS"])
    ?.split(",")
    .filter((part) => part.trim() !== "").length;
  const listed = devices.filter(({ vendor, visible }) => vendor === "NVIDIA" && visible).length;
  if (granted === undefined || granted >= listed || world.env["CUDA_VISIBLE_DEVICES"] !== undefined) return [];
  return [`SLURM granted ${granted} of the ${listed} GPUs that are listed; programs of this job may use only those.`];
}

/** Devices that llama.cpp's Vulkan backend may use: `GGML_VK_VISIBLE_DEVICES` counts among its own list. */
export function hasVulkan(world: World, vulkanOrdinal: number): boolean {
  const value = world.env["GGML_VK_VISIBLE_DEVICES"];
  return value === undefined || value.split(",").some((token) => token.trim() === String(vulkanOrdinal));
}
