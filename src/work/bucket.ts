/** A token bucket: `burstCount` at once, then `perSecond`. */
export interface Bucket {
  /** false when that name has had its share */
  take(name: string): boolean;
  /** whether `take` would do, without taking */
  has(name: string): boolean;
}

/** Names that are remembered; beyond them the one that asked longest ago is forgotten. */
const MOST_NAMES = 10_000;

export function tokenBucket(burstCount: number, perSecond: number, nowMs: () => number): Bucket {
  const levels = new Map<string, { left: number; atMs: number }>();
  const levelOf = (name: string, atMs: number): number => {
    const known = levels.get(name);
    if (known === undefined) return burstCount;
    return Math.min(burstCount, known.left + (Math.max(0, atMs - known.atMs) / 1000) * perSecond);
  };
  return {
    has: (name) => levelOf(name, nowMs()) >= 1,
    take(name) {
      const atMs = nowMs();
      const left = levelOf(name, atMs);
      const allowed = left >= 1;
      // the last asked is the last forgotten
      levels.delete(name);
      levels.set(name, { left: allowed ? left - 1 : left, atMs });
      const [oldest] = levels.keys();
      if (levels.size > MOST_NAMES && oldest !== undefined) levels.delete(oldest);
      return allowed;
    },
  };
}
