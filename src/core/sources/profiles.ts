/**
 * A user's own hardware: JSON files in a folder, each a device in the catalog's schema, a machine as a hardware expression with an id, or a
 * list of both. Their ids stand in expressions like the catalog's and win over them.
 */
import { join } from "node:path";
import * as z from "zod";
import { type HardwareRow, hardwareRow } from "./hardware-row.ts";
import { jsonOf } from "./measure/record.ts";
import { userConfigFolder } from "./user-folder.ts";
import type { World } from "./world.ts";

const machineProfile = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/)
    .max(100),
  /** as in the argument `hardware`; other profiles' devices may stand in it */
  hardware: z.string().min(1).max(1000),
  note: z.string().max(1000).optional(),
});
type MachineProfile = z.output<typeof machineProfile>;

export interface Profiles {
  readonly rows: readonly HardwareRow[];
  readonly machines: readonly MachineProfile[];
  /** files and entries that could not be read, and why */
  readonly warnings: readonly string[];
}

const MAX_FILES = 200;
const MAX_FILE_BYTES = 1_000_000;
const MAX_PROFILES = 2000;

/** `$MODELFIT_PROFILES`, else `hardware/` in the user's configuration. */
export function profilesFolder(world: Pick<World, "env" | "homeDir" | "platform">): string {
  return world.env["MODELFIT_PROFILES"] || join(userConfigFolder(world), "hardware");
}

/** Everything readable in the folder; a damaged file is a warning, so that it never takes the others away. */
export async function loadProfiles(world: World): Promise<Profiles> {
  const folder = profilesFolder(world);
  const files = (await world.listDir(folder)).filter(
    ({ name, kind }) => kind !== "directory" && name.endsWith(".json"),
  );
  const warnings: string[] = [];
  if (files.length > MAX_FILES)
    warnings.push(`${folder} holds ${files.length} files; the first ${MAX_FILES} are read.`);
  const rows: HardwareRow[] = [];
  const machines: MachineProfile[] = [];
  const seen = new Set<string>();
  for (const { name } of files.slice(0, MAX_FILES)) {
    const text = await world.readFile(join(folder, name), MAX_FILE_BYTES).catch(() => undefined);
    const json = text === undefined ? undefined : jsonOf(text);
    if (json === undefined) {
      warnings.push(
        `The hardware profile ${join(folder, name)} is no JSON, or larger than ${MAX_FILE_BYTES / 1e6} MB, and is left out.`,
      );
      continue;
    }
    for (const entry of Array.isArray(json) ? json.slice(0, MAX_PROFILES) : [json]) {
      const read = readProfile(entry);
      if (typeof read === "string") warnings.push(`A hardware profile in ${join(folder, name)} is left out: ${read}.`);
      else if (seen.has(read.id))
        warnings.push(
          `The hardware profile ${read.id} in ${join(folder, name)} is left out: its id is taken by another file.`,
        );
      else {
        seen.add(read.id);
        if ("hardware" in read) machines.push(read);
        else rows.push(read);
      }
    }
  }
  return { rows, machines, warnings };
}

/** The profile, or what is wrong with it. */
function readProfile(entry: unknown): HardwareRow | MachineProfile | string {
  const isMachine = typeof entry === "object" && entry !== null && "hardware" in entry;
  const read = isMachine ? machineProfile.safeParse(entry) : hardwareRow.safeParse(entry);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  return `${issue?.path.join(".") || "its top level"}: ${issue?.message ?? "unreadable"}`;
}
