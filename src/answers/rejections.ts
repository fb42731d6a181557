/** Counts by reason, and who misses by the least: the order of the catalog does not matter. */

export interface Rejection {
  readonly reason: string;
  readonly count: number;
  /** the model that misses by the least, with what it lacks */
  readonly nearest: string;
}

interface Row {
  readonly count: number;
  readonly miss: number;
  readonly id: string;
  readonly lacks: () => string;
}

export interface Rejections {
  /** @param miss less is nearer @param lacks asked of the nearest alone */
  add(reason: string, id: string, miss: number, lacks?: () => string): void;
  list(): Rejection[];
  copy(): Rejections;
}

const nothing = (): string => "";

export function rejections(rows: ReadonlyMap<string, Row> = new Map()): Rejections {
  const held = new Map(rows);
  return {
    add(reason, id, miss, lacks = nothing) {
      const row = held.get(reason);
      const count = (row?.count ?? 0) + 1;
      const nearer = row === undefined || miss < row.miss || (miss === row.miss && id < row.id);
      held.set(reason, nearer ? { count, miss, id, lacks } : { ...row, count });
    },
    list: () =>
      [...held]
        .map(([reason, { count, id, lacks }]) => {
          const missing = lacks();
          return { reason, count, nearest: missing === "" ? id : `${id} (${missing})` };
        })
        .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1)),
    copy: () => rejections(held),
  };
}
