/** NVIDIA GPUs through `nvidia-smi`: identity and memory in one query, newer fields in a second that old drivers may refuse. */
import { MIB } from "../../units.ts";
import type { ExecResult, World } from "../world.ts";
import {
  failureOf,
  knownValue,
  nvidiaDevice,
  parseQuery,
  type SmiFailure,
  type SmiRow,
  STATUS_OF,
} from "./nvidia-smi.ts";
import { type MigSlice, parseList, parseLong, parseMigTable, parseTable, parseXml, sliceOf } from "./nvidia-text.ts";
import type { MemoryHolder, ToolStatus } from "./result.ts";
import { nothingSighted, pciAddressOf, type SightedDevice, type Sighting, sighted } from "./sighting.ts";
import { ask } from "./tools.ts";

const IDENTITY = [
  "index",
  "name",
  "uuid",
  "pci.bus_id",
  "pci.device_id",
  "memory.total",
  "memory.used",
  "memory.free",
  "driver_version",
];
const MINIMAL = ["index", "name", "uuid", "pci.bus_id", "memory.total", "memory.free", "driver_version"];
const DETAILS = [
  "pci.bus_id",
  "memory.reserved",
  "compute_cap",
  "mig.mode.current",
  "addressing_mode",
  "clocks.max.memory",
  "pcie.link.gen.max",
  "pcie.link.width.max",
];
const OLD_DETAILS = ["pci.bus_id", "clocks.max.memory", "pcie.link.gen.max", "pcie.link.width.max"];

/** The first call on a sleeping driver takes 2 to 4 s without persistence mode. */
const TIMEOUT_MS = 5000;

const EXPLANATIONS: Readonly<Record<SmiFailure, string>> = {
  "driver-unreachable":
    "nvidia-smi is installed but cannot reach the NVIDIA driver: no GPU, an unloaded module, or a GPU that is powered off.",
  "no-devices": "nvidia-smi finds no device: none is allocated to this job or container.",
  "driver-broken": "The NVIDIA driver and its library have different versions: reboot the machine, then probe again.",
  "gpu-error": "An NVIDIA GPU does not answer; nvidia-smi fails as a whole. Reset or reboot, then probe again.",
  "unknown-field": "nvidia-smi does not know the queried fields; its driver is too old to be read.",
  failed: "nvidia-smi failed; NVIDIA GPUs are not known.",
};
const HUNG =
  "nvidia-smi did not answer within 5 s: the driver hangs. NVIDIA GPUs are not known; a reboot usually helps.";

/** One nvidia-smi, and the call it is asked in. */
interface Smi {
  readonly world: World;
  readonly program: string;
  readonly signal: AbortSignal | undefined;
}

const run = ({ world, program, signal }: Smi, args: readonly string[]): Promise<ExecResult> =>
  ask(world, program, args, { timeoutMs: TIMEOUT_MS, signal });

type Query = { readonly rows: SmiRow[] } | { readonly failure: SmiFailure | "hung" | "absent" };

async function query(smi: Smi, fields: readonly string[], only?: string): Promise<Query> {
  const result = await run(smi, [
    ...(only === undefined ? [] : ["-i", only]),
    `--query-gpu=${fields.join(",")}`,
    "--format=csv,noheader,nounits",
  ]);
  if (result.outcome === "not-found") return { failure: "absent" };
  if (result.outcome === "timed-out") return { failure: "hung" };
  if (result.exitCode !== 0) return { failure: failureOf(result.exitCode, `${result.stdout}\n${result.stderr}`) };
  return { rows: parseQuery(result.stdout, fields) };
}

async function textOf(smi: Smi, args: readonly string[]): Promise<string> {
  const result = await run(smi, args);
  return result.outcome === "exited" && result.exitCode === 0 ? result.stdout : "";
}

/** Where it lies when it is not on the PATH: WSL2 and Windows. */
function programs(world: World): string[] {
  const windows = world.env["SystemRoot"];
  return [
    "nvidia-smi",
    ...(world.platform === "win32" && windows !== undefined ? [`${windows}\\System32\\nvidia-smi.exe`] : []),
    ...(world.platform === "linux" ? ["/usr/lib/wsl/lib/nvidia-smi"] : []),
  ];
}

/** Cards that the kernel module knows, whatever nvidia-smi says. */
async function kernelCards(world: World): Promise<readonly SightedDevice[]> {
  const folders = await world.listDir("/proc/driver/nvidia/gpus");
  return Promise.all(
    folders.map(async ({ name }) => {
      const text = (await world.readFile(`/proc/driver/nvidia/gpus/${name}/information`, 65_536)) ?? "";
      const minor = /^Device Minor:[ \t]*(\d+)/m.exec(text)?.[1];
      return sighted({
        vendor: "NVIDIA",
        source: "/proc/driver/nvidia",
        pciAddress: pciAddressOf(name),
        name: knownValue(/^Model:[ \t]*(.*)$/m.exec(text)?.[1]) ?? "",
        uuid: /^GPU UUID:[ \t]*(GPU-\S+)/m.exec(text)?.[1],
        minorNumber: minor === undefined ? undefined : Number(minor),
        visible: false,
      });
    }),
  );
}

/** The GPUs that still answer, one call each: a dead one fails the common call. */
async function survivors(smi: Smi, count: number): Promise<SmiRow[]> {
  const single = await Promise.all([...Array(Math.min(count, 16)).keys()].map((i) => query(smi, MINIMAL, String(i))));
  return single.flatMap((result) => ("rows" in result ? result.rows : []));
}

/**
 * All NVIDIA GPUs, or why they are not known. MIG slices stand in for their card. Unified parts (GB10, Jetson) have no memory of their own:
 * the driver prints [N/A]. After a timeout nothing is asked again.
 */
export async function sightNvidia(world: World, signal?: AbortSignal): Promise<Sighting> {
  for (const program of programs(world)) {
    const smi: Smi = { world, program, signal };
    const [identity, details] = await Promise.all([query(smi, IDENTITY), query(smi, DETAILS)]);
    if ("rows" in identity) return withDetails(smi, identity.rows, details);
    if (identity.failure === "absent") continue;
    if (identity.failure === "hung")
      return { devices: await kernelCards(world), warnings: [HUNG], tools: [toolOf("hung")] };
    return recovered(smi, identity.failure);
  }
  return nothingSighted;
}

const toolOf = (status: ToolStatus) => ({ name: "nvidia-smi", status });

/** After a refusal: the fields that every driver knows; each card by itself; what it prints for people. */
async function recovered(smi: Smi, failure: SmiFailure): Promise<Sighting> {
  const status = STATUS_OF[failure];
  const answered = (devices: readonly SightedDevice[]): Sighting => ({
    devices,
    warnings: [],
    tools: [toolOf("answered")],
  });
  if (failure === "gpu-error") {
    const known = await kernelCards(smi.world);
    const rows = await survivors(smi, known.length);
    const alive = rows.map((row) => nvidiaDevice(row));
    const dead = known.filter((card) => !alive.some((device) => device.pciAddress === card.pciAddress));
    return { devices: [...alive, ...dead], warnings: [EXPLANATIONS[failure]], tools: [toolOf(status)] };
  }
  if (failure === "unknown-field" || failure === "failed") {
    const retried = await query(smi, MINIMAL);
    if ("rows" in retried && retried.rows.length > 0)
      return withDetails(smi, retried.rows, await query(smi, OLD_DETAILS));
    if (!("failure" in retried && retried.failure === "hung")) {
      const [xml, long, list, table] = await Promise.all(
        [["-q", "-x"], ["-q"], ["-L"], []].map((args) => textOf(smi, args)),
      );
      for (const devices of [parseXml(xml ?? ""), parseLong(long ?? "")])
        if (devices.length > 0) return answered(devices);
      const printed = fromLists(list ?? "", table ?? "");
      if (printed.length > 0) return answered(printed);
    }
  }
  return {
    devices: failure === "no-devices" ? [] : await kernelCards(smi.world),
    warnings: [EXPLANATIONS[failure]],
    tools: [toolOf(status)],
  };
}

/** `-L` has whole names, the table has memory; both count cards alike. */
export function fromLists(list: string, table: string): SightedDevice[] {
  const { cards, slices } = parseList(list);
  const rows = parseTable(table);
  const sizes = parseMigTable(table);
  if (cards.length === 0) return rows;
  return cards.flatMap((card, i) => {
    const row = rows[i] ?? sighted({ vendor: "NVIDIA", source: "nvidia-smi -L" });
    const device: SightedDevice = { ...row, name: card.name, uuid: card.uuid };
    return withSlices(device, card.index, slices, sizes);
  });
}

function withSlices(
  card: SightedDevice,
  index: number,
  slices: readonly MigSlice[],
  sizes: ReturnType<typeof parseMigTable>,
): SightedDevice[] {
  const own = slices.filter((slice) => slice.gpuIndex === index);
  const measured = sizes.filter((size) => size.gpuIndex === index);
  return own.length === 0 ? [card] : own.map((slice, i) => sliceOf(card, slice, measured[i]));
}

async function withDetails(smi: Smi, rows: readonly SmiRow[], details: Query): Promise<Sighting> {
  const oldDriver = "failure" in details && details.failure !== "hung" && details.failure !== "absent";
  const second = oldDriver ? await query(smi, OLD_DETAILS) : details;
  const more = "rows" in second ? second.rows : [];
  const joined = rows.map((row) => {
    const address = pciAddressOf(row.get("pci.bus_id"));
    // a lone card has one row in each; otherwise the address joins them
    const detail =
      rows.length === 1 && more.length === 1
        ? more[0]
        : more.find((other) => address !== undefined && pciAddressOf(other.get("pci.bus_id")) === address);
    return new Map([...(detail ?? []), ...row]);
  });
  const sliced =
    joined.some((row) => row.get("mig.mode.current") === "Enabled") || joined.some((row) => !row.has("name"));
  const [list = "", table = ""] = sliced ? await Promise.all([textOf(smi, ["-L"]), textOf(smi, [])]) : [];
  const { cards, slices } = parseList(list);
  const sizes = parseMigTable(table);
  const devices = joined.flatMap((row) => {
    const named = cards.find((card) => card.uuid === row.get("uuid"));
    const device = nvidiaDevice(named === undefined || row.has("name") ? row : new Map([...row, ["name", named.name]]));
    return withSlices(device, named?.index ?? Number(row.get("index")), slices, sizes);
  });
  const [kernel, holders] = await Promise.all([kernelCards(smi.world), holdersOf(smi, joined)]);
  // the number of its device file, which a container may not have been given
  const numbered = devices.map((device) => ({
    ...device,
    minorNumber: kernel.find(({ pciAddress }) => pciAddress !== undefined && pciAddress === device.pciAddress)
      ?.minorNumber,
  }));
  return { devices: numbered, warnings: [], tools: [toolOf("answered")], holders };
}

/** Programs that hold memory, where a card or pool is in use at all. */
async function holdersOf(smi: Smi, rows: readonly SmiRow[]): Promise<readonly MemoryHolder[]> {
  const busy = rows.some((row) => !row.has("memory.used") || Number(row.get("memory.used")) >= 256);
  return busy
    ? parseHolders(
        await textOf(smi, ["--query-compute-apps=pid,process_name,used_memory", "--format=csv,noheader,nounits"]),
      )
    : [];
}

/** Rows of `--query-compute-apps`; the memory stands last, and pages of N/A beside it. */
export function parseHolders(text: string): MemoryHolder[] {
  return text.split("\n").flatMap((line): MemoryHolder[] => {
    const match = /^[ \t]*\d+,\s*(.+?),\s*(\d{1,8})(?: MiB)?\s*$/.exec(line);
    return match === null ? [] : [{ processName: (match[1] ?? "").slice(0, 200), heldBytes: Number(match[2]) * MIB }];
  });
}
