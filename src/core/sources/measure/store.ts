/** The measurements of a user's machines in one file: a home folder may be shared by several, so each record names its machine. */
import { join } from "node:path";
import * as z from "zod";
import { userDataFolder } from "../user-folder.ts";
import type { World } from "../world.ts";
import { jsonOf, type Machine, type Measurement, measurementRecord, readFacts } from "./record.ts";

const MAX_STORE_BYTES = 4_000_000;
/** The newest of each machine; the oldest machines go first. */
const MOST_MACHINES = 64;

const store = z.strictObject({ version: z.literal(1), machines: z.array(z.unknown()).max(10_000) });

export function measurementsPath(world: Pick<World, "env" | "homeDir" | "platform">): string {
  return join(userDataFolder(world), "measurements.json");
}

/** Modules differ by a page or two over reboots; another amount of memory is another machine. */
function sameMachine(a: Machine, b: Machine): boolean {
  const ram = Math.abs(a.ramTotalBytes / b.ramTotalBytes - 1) < 0.02;
  return (
    a.os === b.os &&
    a.arch === b.arch &&
    a.cpuModel === b.cpuModel &&
    a.physicalCoreCount === b.physicalCoreCount &&
    ram
  );
}

/** Records that can still be read; a damaged file or record counts as none, because it can be measured again. */
async function readStore(world: World): Promise<Measurement[]> {
  const text = await world.readFile(measurementsPath(world), MAX_STORE_BYTES).catch(() => undefined);
  const file = store.safeParse(text === undefined ? undefined : jsonOf(text));
  if (!file.success) return [];
  return file.data.machines.flatMap((entry) => {
    const record = measurementRecord.safeParse(entry);
    return record.success ? [record.data] : [];
  });
}

/**
 * What was measured on this machine before: the facts file that `MODELFIT_FACTS` names (the command line's `--facts`), whatever machine it
 * is of, else the stored record of this machine.
 */
export async function storedMeasurement(world: World, machine: Machine): Promise<Measurement | undefined> {
  const given = world.env["MODELFIT_FACTS"];
  if (given) return readFacts(world, given);
  return (await readStore(world)).find((record) => sameMachine(record.machine, machine));
}

/** Puts the record first, in the place of an older one of its machine. Returns the file's path. */
export async function storeMeasurement(world: World, record: Measurement): Promise<string> {
  const others = (await readStore(world)).filter((known) => !sameMachine(known.machine, record.machine));
  const path = measurementsPath(world);
  await world.writeFile(
    path,
    `${JSON.stringify({ version: 1, machines: [record, ...others].slice(0, MOST_MACHINES) }, null, 1)}\n`,
  );
  return path;
}
