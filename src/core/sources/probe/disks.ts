/** Where models are read from: free space, and what kind of disk it is. */
import type { World } from "../world.ts";
import type { ProbedDisk } from "./result.ts";

interface Mount {
  readonly device: string;
  readonly point: string;
  readonly fileSystem: string;
  /** `major:minor` */
  readonly number: string;
}

/** `/proc/self/mountinfo`; spaces in paths are written \040. */
export function parseMounts(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\d+ \d+ (\d+:\d+) \S+ (\S+) .*? - (\S+) (\S+)/.exec(line);
    return match === null
      ? []
      : [
          {
            number: match[1] ?? "",
            point: (match[2] ?? "").replaceAll("\\040", " "),
            fileSystem: match[3] ?? "",
            device: match[4] ?? "",
          },
        ];
  });
}

const NETWORKED = /^(nfs4?|cifs|smb3?|smbfs|9p|ceph|glusterfs|lustre|beegfs|gpfs|fuse\.(sshfs|s3fs|rclone|gcsfuse))$/;

/** The mount with the longest point that holds the path; the last one wins, as it lies on top. */
function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  return [...mounts]
    .reverse()
    .filter(({ point }) => point === "/" || path === point || path.startsWith(`${point}/`))
    .sort((a, b) => b.point.length - a.point.length)[0];
}

async function kindOf(world: World, path: string, mounts: readonly Mount[]): Promise<ProbedDisk["kind"]> {
  const mount = mountOf(path, mounts);
  if (mount === undefined) return undefined;
  if (NETWORKED.test(mount.fileSystem)) return "network";
  if (/^(tmpfs|ramfs)$/.test(mount.fileSystem)) return "memory";
  const real = (await world.realPath(`/sys/dev/block/${mount.number}`)) ?? mount.device;
  if (/\/nvme\d/.test(real)) return "nvme";
  // a guest's disk claims to turn, whatever it lies on
  if (/\/virtio|\/xen|\/vmbus/i.test(real)) return undefined;
  // a partition's queue is its disk's
  const flags = await Promise.all(
    [`/sys/dev/block/${mount.number}/queue/rotational`, `/sys/dev/block/${mount.number}/../queue/rotational`].map(
      (file) => world.readFile(file, 64),
    ),
  );
  const rotational = flags.find((flag) => flag !== undefined)?.trim();
  return rotational === "1" ? "hard-disk" : rotational === "0" ? "ssd" : undefined;
}

/** Where models would be put: the home folder, and the folders that runtimes are told to use. */
export async function sightDisks(world: World): Promise<ProbedDisk[]> {
  const paths = [
    ...new Set(
      [world.homeDir, world.env["OLLAMA_MODELS"], world.env["HF_HOME"], world.env["LLAMA_CACHE"]].flatMap(
        (path) => path ?? [],
      ),
    ),
  ];
  const mounts =
    world.platform === "linux" ? parseMounts((await world.readFile("/proc/self/mountinfo", 4_000_000)) ?? "") : [];
  const disks = await Promise.all(
    paths.map(async (path): Promise<ProbedDisk[]> => {
      const [space, real] = await Promise.all([world.diskSpace(path), world.realPath(path)]);
      return space === undefined ? [] : [{ path, ...space, kind: await kindOf(world, real ?? path, mounts) }];
    }),
  );
  return disks.flat();
}
